import { once } from "node:events";
import { createReadStream } from "node:fs";
import { text } from "node:stream/consumers";
import { VmbuilderError } from "../../../model/errors.ts";
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
  readonly #names: Promise<string>;
  readonly #debs: OpenedDeb[] = [];

  private constructor(codec: string, tar: RunningProcess, options: LaneOptions) {
    this.codec = codec;
    this.#tar = tar;
    this.#names = text(tar.stdout);
    this.#decompressor = startDecompressorInto(codec, tar, options);
  }

  /** Opens a lane for packages of a deb's compression. */
  static async openFor(deb: OpenedDeb, tree: string, options: LaneOptions): Promise<UnpackLane> {
    const tar = await startHostProgramInGuest(tree, [...EXTRACT, "--verbose", "--quoting-style=escape"], options);
    return new UnpackLane(codecOf(deb.layout.data.name), tar, options);
  }

  /** Feeds a package's data archive; resolves when all its bytes have been handed over. */
  async unpack(deb: OpenedDeb): Promise<void> {
    const { stdin, done } = this.#decompressor;
    const { offset, sizeBytes } = deb.layout.data;
    this.#debs.push(deb);
    stdin.write(archiveMarker(this.codec));
    const range = { start: offset, end: offset + sizeBytes - 1, highWaterMark: FEED_PIECE_BYTES };
    try {
      for await (const piece of createReadStream(deb.path, range)) {
        if (!stdin.write(piece)) await Promise.race([once(stdin, "drain"), done, this.#tar.done]);
      }
    } catch (error) {
      throw await this.#explain(error);
    }
  }

  /** Ends the lane: all that was fed is in the tree then. @throws package-malformed, command-failed */
  async close(): Promise<UnpackedFiles[]> {
    this.#decompressor.stdin.end();
    try {
      await Promise.all([this.#decompressor.done, this.#tar.done]);
    } catch (error) {
      throw await this.#explain(error);
    }
    const lists = splitByMarker((await this.#names).split("\n").slice(0, -1));
    if (lists.length !== this.#debs.length) {
      throw new VmbuilderError(
        "package-malformed",
        `${this.#debs.length} packages were unpacked, but ${lists.length} were found`,
      );
    }
    return this.#debs.map((deb, i) => listFiles(deb, lists[i] ?? []));
  }

  /** Names the package that tar or the decompressor stumbled over: the one that holds the path complained of, or the last. */
  async #explain(error: unknown): Promise<unknown> {
    if (!(error instanceof CommandError) || error.code !== "command-failed" || error.signal !== null) return error;
    this.abandon();
    const lists = splitByMarker((await this.#names).split("\n").slice(0, -1));
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
