import { extname } from "node:path";
import { VmbuilderError } from "../model/errors.ts";
import { type FeedingProcess, type RunningProcess, type RunOptions, start, startInto } from "./process.ts";

const PROGRAMS: Record<string, readonly string[]> = {
  ".xz": ["xz", "-dc", "-T2"], // of its versions before 5.4, one processor does it
  ".zst": ["zstd", "-dcq"],
  ".gz": ["gzip", "-dc"],
  ".tar": ["cat"],
};

/** The compression of an archive member, told by its name: `.xz`, `.zst`, `.gz`, or `.tar` for none. */
export function codecOf(name: string): string {
  const codec = extname(name);
  if (!(codec in PROGRAMS)) throw new VmbuilderError("package-malformed", `${name} has an unknown compression`);
  return codec;
}

/** Starts a decompressor that takes any number of compressed streams of one codec, one after the other. */
export function startDecompressor(codec: string, signal?: AbortSignal): RunningProcess {
  return start(PROGRAMS[codec] ?? ["false"], { signal });
}

/** Like {@link startDecompressor}, with its output going straight to another program. */
export function startDecompressorInto(codec: string, target: RunningProcess, options: RunOptions): FeedingProcess {
  return startInto(PROGRAMS[codec] ?? ["false"], target, options);
}
