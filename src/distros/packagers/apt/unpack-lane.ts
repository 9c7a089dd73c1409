import { createHash, type Hash } from "node:crypto";
import { once } from "node:events";
import { createReadStream } from "node:fs";
import { VmbuilderError } from "../../../model/errors.ts";
import { codecOf, startDecompressor } from "../../../system/decompress.ts";
import { startHostProgramInGuest } from "../../../system/guest.ts";
import type { RunningProcess } from "../../../system/process.ts";
import { type TarEntry, TarScanner } from "../../../system/tar-scanner.ts";
import { conffilesOf, type OpenedDeb } from "./control-archive.ts";
import { EXTRACT } from "./write-to-tree.ts";

/** What a package's data archive held. */
export interface UnpackedFiles {
  /** Absolute paths in archive order, `/.` first, as dpkg lists them. */
  paths: string[];
  /** Those of them that are directories. */
  directories: Set<string>;
  /** MD5 of each conffile, by path. */
  conffileMd5: Map<string, string>;
}

/**
 * Unpacks packages into a tree, one after the other, through one long-lived decompressor and one long-lived tar that is
 * chrooted there. Several lanes work on one tree side by side.
 */
export class UnpackLane {
  readonly #tar: RunningProcess;
  readonly #signal: AbortSignal | undefined;
  #codec: string | undefined;
  #decompressor: RunningProcess | undefined;
  #pumping: Promise<void> = Promise.resolve();
  #waiting: Unpacking[] = [];

  private constructor(tar: RunningProcess, signal: AbortSignal | undefined) {
    this.#tar = tar;
    this.#signal = signal;
  }

  static async open(tree: string, signal?: AbortSignal): Promise<UnpackLane> {
    return new UnpackLane(await startHostProgramInGuest(tree, EXTRACT, { signal }), signal);
  }

  /**
   * Feeds a package's data archive; resolves when all its bytes have been handed to the decompressor. `files` comes
   * later: a decompressor holds back its last bytes until more follow, so await it only when the lane is closed.
   */
  async unpack(deb: OpenedDeb): Promise<{ files: Promise<UnpackedFiles> }> {
    const codec = codecOf(deb.layout.data.name);
    if (codec !== this.#codec) await this.#switchCodec(codec);
    const unpacking = new Unpacking(conffilesOf(deb));
    this.#waiting.push(unpacking);
    const { offset, sizeBytes } = deb.layout.data;
    const source = createReadStream(deb.path, {
      start: offset,
      end: offset + sizeBytes - 1,
      highWaterMark: 256 * 1024,
    });
    const stdin = this.#decompressor?.stdin;
    for await (const chunk of source) {
      if (stdin && !stdin.write(chunk)) await Promise.race([once(stdin, "drain"), this.#decompressor?.done]);
    }
    return { files: unpacking.promise };
  }

  /** Ends the lane; all that was fed is in the tree afterwards. */
  async close(): Promise<void> {
    await this.#switchCodec(undefined);
    this.#tar.stdin.end();
    this.#tar.stdout.resume();
    await this.#tar.done;
  }

  /** Ends the lane at once, after a failure elsewhere. */
  abandon(): void {
    this.#decompressor?.stop();
    this.#tar.stop();
  }

  async #switchCodec(codec: string | undefined): Promise<void> {
    const old = this.#decompressor;
    if (old) {
      old.stdin.end();
      await old.done;
      await this.#pumping;
    }
    this.#codec = codec;
    this.#decompressor = codec === undefined ? undefined : startDecompressor(codec, this.#signal);
    if (this.#decompressor) {
      this.#pumping = this.#pump(this.#decompressor);
      this.#pumping.catch(() => {}); // awaited at the next switch
    }
  }

  async #pump(decompressor: RunningProcess): Promise<void> {
    const scanner = new TarScanner({
      onEntry: (entry) => this.#waiting[0]?.entry(entry),
      onContent: (piece) => this.#waiting[0]?.content(piece),
      onEnd: () => this.#waiting.shift()?.end(),
    });
    try {
      for await (const chunk of decompressor.stdout) {
        scanner.push(chunk as Buffer);
        if (!this.#tar.stdin.write(chunk)) await Promise.race([once(this.#tar.stdin, "drain"), this.#tar.done]);
      }
      if (!scanner.complete || this.#waiting.length > 0)
        throw new VmbuilderError("package-malformed", "a data archive ends in its middle");
    } catch (error) {
      for (const unpacking of this.#waiting.splice(0)) unpacking.fail(error);
      decompressor.stop();
      throw error;
    }
  }
}

/** Collects one package's entries as they pass. */
class Unpacking {
  readonly promise: Promise<UnpackedFiles>;
  readonly #files: UnpackedFiles = { paths: [], directories: new Set(), conffileMd5: new Map() };
  readonly #conffiles: ReadonlySet<string>;
  #hash: { path: string; md5: Hash; left: number } | undefined;
  #resolve: (files: UnpackedFiles) => void = () => {};
  #reject: (error: unknown) => void = () => {};

  constructor(conffiles: Iterable<string>) {
    this.#conffiles = new Set(conffiles);
    const { promise, resolve, reject } = Promise.withResolvers<UnpackedFiles>();
    this.promise = promise;
    promise.catch(() => {}); // reported where it is awaited
    this.#resolve = resolve;
    this.#reject = reject;
  }

  entry(entry: TarEntry): void {
    const path = guestPath(entry);
    this.#files.paths.push(path);
    if (entry.type === "directory") this.#files.directories.add(path);
    this.#hash = undefined;
    if (entry.type !== "file" || !this.#conffiles.has(path)) return;
    this.#hash = { path, md5: createHash("md5"), left: entry.sizeBytes };
    if (entry.sizeBytes === 0) this.#finishHash();
  }

  content(piece: Buffer): void {
    if (!this.#hash) return;
    this.#hash.md5.update(piece);
    this.#hash.left -= piece.length;
    if (this.#hash.left === 0) this.#finishHash();
  }

  end(): void {
    this.#resolve(this.#files);
  }

  fail(error: unknown): void {
    this.#reject(error);
  }

  #finishHash(): void {
    if (this.#hash) this.#files.conffileMd5.set(this.#hash.path, this.#hash.md5.digest("hex"));
    this.#hash = undefined;
  }
}

/** `./usr/bin/` becomes `/usr/bin`, `./` becomes `/.`, as in dpkg's file lists. */
function guestPath(entry: TarEntry): string {
  const name = entry.name.replace(/^\.?\/*/, "").replace(/\/+$/, "");
  if (name.split("/").includes("..") || name.includes("\n"))
    throw new VmbuilderError("package-malformed", `a package holds the path "${entry.name}"`);
  return name === "" || name === "." ? "/." : `/${name}`;
}
