import { randomUUID } from "node:crypto";
import { open, readFile } from "node:fs/promises";
import { VmbuilderError } from "../../../model/errors.ts";
import type { DebMember } from "../../../system/deb-archive.ts";
import { codecOf, startDecompressorInto } from "../../../system/decompress.ts";
import { startHostProgramInGuest } from "../../../system/guest.ts";
import {
  CommandError,
  type FeedingProcess,
  lastLines,
  type RunningProcess,
  type RunOptions,
} from "../../../system/process.ts";
import { archiveMarker, splitByMarker } from "./archive-marker.ts";
import type { OpenedDeb } from "./control-archive.ts";
import { EXTRACT } from "./write-to-tree.ts";

/** A package's entries, as they stand in the tree now. */
export interface UnpackedFiles {
  readonly deb: OpenedDeb;
  /** Absolute paths in archive order, `/.` first, as dpkg lists them. */
  readonly paths: readonly string[];
  /** Those of them that are directories. */
  readonly directories: ReadonlySet<string>;
}

/** How a lane's programs run. */
export type LaneOptions = Pick<RunOptions, "signal" | "niceness">;

const FEED_PIECE_BYTES = 256 * 1024;

/**
 * Unpacks packages of one compression into a tree, one after the other, through one long-lived decompressor and one
 * long-lived tar that is chrooted there; starting them for each package would cost as much as the unpacking. Several
 * lanes work on one tree side by side.
 */
export class UnpackLane {
  readonly codec: string;
  readonly #decompressor: FeedingProcess;
  readonly #tar: RunningProcess;
  /** File that tar prints the names to: it flushes each, and thousands of tiny reads would cost more than the unpacking. */
  readonly #names: string;
  readonly #debs: OpenedDeb[] = [];
  readonly #buffers = [Buffer.allocUnsafe(FEED_PIECE_BYTES), Buffer.allocUnsafe(FEED_PIECE_BYTES)] as const;

  private constructor(codec: string, tar: RunningProcess, names: string, options: LaneOptions) {
    this.codec = codec;
    this.#tar = tar;
    this.#names = names;
    this.#decompressor = startDecompressorInto(codec, tar, options);
  }

  /** Opens a lane for packages of a deb's compression. */
  static async openFor(deb: OpenedDeb, tree: string, options: LaneOptions): Promise<UnpackLane> {
    const names = `${tree}.names-${randomUUID()}`;
    const file = await open(names, "wx", 0o600);
    try {
      const argv = [...EXTRACT, "--verbose", "--quoting-style=escape"];
      const tar = await startHostProgramInGuest(tree, argv, { ...options, stdoutFile: file.fd });
      return new UnpackLane(codecOf(deb.layout.data.name), tar, names, options);
    } finally {
      await file.close(); // tar has its own
    }
  }

  /** Feeds a package's data archive; resolves when all its bytes have been handed over. */
  async unpack(deb: OpenedDeb): Promise<void> {
    this.#debs.push(deb);
    this.#decompressor.stdin.write(archiveMarker(this.codec));
    try {
      await this.#feed(deb.path, deb.layout.data);
    } catch (error) {
      throw await this.#explain(error);
    }
  }

  /** Two buffers take turns, one being read while the other is written: new ones would have to be collected as garbage. */
  async #feed(path: string, { offset, sizeBytes }: DebMember): Promise<void> {
    const file = await open(path, "r");
    try {
      let written: Promise<unknown> = Promise.resolve();
      for (let done = 0, turn: 0 | 1 = 0; done < sizeBytes; turn = turn ? 0 : 1) {
        const buffer = this.#buffers[turn];
        const length = Math.min(buffer.length, sizeBytes - done);
        const { bytesRead } = await file.read(buffer, 0, length, offset + done);
        if (bytesRead === 0) break; // the file was cut off meanwhile, which the decompressor will tell
        await written;
        written = this.#write(buffer.subarray(0, bytesRead));
        written.catch(() => {}); // awaited below, or in the next turn
        done += bytesRead;
      }
      await written;
    } finally {
      await file.close();
    }
  }

  /** Resolves when the bytes have been handed over; throws when a program has failed. */
  #write(bytes: Buffer): Promise<unknown> {
    const { stdin, done } = this.#decompressor;
    return Promise.race([new Promise((resolve) => stdin.write(bytes, resolve)), done, this.#tar.done]);
  }

  /** Ends the lane: all that was fed is in the tree then. @throws package-malformed, command-failed */
  async close(): Promise<UnpackedFiles[]> {
    this.#decompressor.stdin.end();
    try {
      await Promise.all([this.#decompressor.done, this.#tar.done]);
    } catch (error) {
      throw await this.#explain(error);
    }
    const lists = await this.#takeNames();
    if (lists.length !== this.#debs.length) {
      throw new VmbuilderError(
        "package-malformed",
        `${this.#debs.length} packages were unpacked, but ${lists.length} were found`,
      );
    }
    return this.#debs.map((deb, i) => listFiles(deb, lists[i] ?? []));
  }

  /** The names that tar has printed, for each package. */
  async #takeNames(): Promise<string[][]> {
    const names = await readFile(this.#names, "utf8");
    return splitByMarker(names.split("\n").slice(0, -1));
  }

  /** Names the package that tar or the decompressor stumbled over: the one that holds the path complained of, or the last. */
  async #explain(error: unknown): Promise<unknown> {
    if (!(error instanceof CommandError) || error.code !== "command-failed" || error.signal !== null) return error;
    this.abandon();
    await this.#tar.done.catch(() => {}); // so that it prints no more
    const lists = await this.#takeNames();
    const complaint = error.stderr.split("\n").find((line) => !line.includes("Removing leading")) ?? "";
    const [, path, why] = /^\S*tar: (.+?): (.+)$/.exec(complaint) ?? [];
    const holder = path === undefined ? -1 : lists.findIndex((names) => names.includes(path));
    const deb = this.#debs[holder === -1 ? Math.max(0, lists.length - 1) : holder];
    const what = why === undefined ? complaint || error.message : `${path}: ${why}`;
    return new VmbuilderError(
      "package-malformed",
      `package ${deb?.control.get("Package")} cannot be unpacked: ${what}`,
      {
        hint: "the package is damaged or not to be trusted: leave it out with --removepkg, or use another --mirror",
        detail: lastLines(error.stderr),
        cause: error,
      },
    );
  }

  /** Ends the lane at once, after a failure elsewhere. */
  abandon(): void {
    this.#decompressor.stop();
    this.#tar.stop();
  }
}

function listFiles(deb: OpenedDeb, names: readonly string[]): UnpackedFiles {
  const directories = new Set<string>();
  const paths = names.map((name) => {
    const path = guestPath(unescapeName(name), deb);
    if (name.endsWith("/")) directories.add(path);
    return path;
  });
  return { deb, paths, directories };
}

/** `./usr/bin/` becomes `/usr/bin`, `./` becomes `/.`, as in dpkg's file lists. */
function guestPath(name: string, deb: OpenedDeb): string {
  const inner = name.replace(/^\.?\/*/, "").replace(/\/+$/, "");
  if (inner.split("/").includes("..") || inner.includes("\n")) {
    throw new VmbuilderError("package-malformed", `${deb.control.get("Package")} holds the path "${name}"`);
  }
  return inner === "" || inner === "." ? "/." : `/${inner}`;
}

/** Undoes tar's `--quoting-style=escape`: octal numbers are bytes of UTF-8. */
function unescapeName(name: string): string {
  if (!name.includes("\\")) return name;
  const bytes: Buffer[] = [];
  for (const [part, octal, letter] of name.matchAll(/\\([0-7]{3})|\\(.)|[^\\]+/gs)) {
    if (octal !== undefined) bytes.push(Buffer.from([Number.parseInt(octal, 8)]));
    else bytes.push(Buffer.from(letter === undefined ? part : (LETTERS[letter] ?? letter)));
  }
  return Buffer.concat(bytes).toString("utf8");
}

const LETTERS: Readonly<Record<string, string>> = { n: "\n", t: "\t", r: "\r", a: "\x07", b: "\b", f: "\f", v: "\v" };
