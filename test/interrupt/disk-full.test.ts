import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { type BuiltCache, builtCache, makeBuildFolder, type Progress } from "../fixtures/built-cache.ts";
import { lastingProcesses } from "../fixtures/leftovers.ts";
import { run } from "../fixtures/vmbuilder.ts";

const PROGRAM = join(import.meta.dirname, "../../bin/vmbuilder");
const COPY = join(import.meta.dirname, "../fixtures/copy-cache.ts");
const PATH = { PATH: `${join(import.meta.dirname, "../../node_modules/.bin")}:${process.env.PATH}` };
const MIB = 1024 * 1024;

/** Mounts `$1` MiB on `$2`, fills it with the cache in `$3` by `$4`, runs the rest; then says what is left, and tries with more room. */
const WITH_LITTLE_ROOM = `
size=$1 room=$2 seed=$3 copy=$4
shift 4
mount -t tmpfs -o "size=$size"m none "$room" && mkdir "$room/results" && node --disable-warning=ExperimentalWarning "$copy" "$seed" "$room/cache" || exit 99
"$@" && echo "SUCCEEDED"
echo "STATUS $?"
echo "RESULTS $(ls -A "$room/results" | tr '\\n' ' ')"
echo "WORK $(ls -A "$room/cache/work" | tr '\\n' ' ')"
echo "PARTS $(find "$room" -name '*.part' -o -name '*.tmp' | tr '\\n' ' ')"
mount -o remount,size=8g "$room"
"$@" && echo "RETRY GOOD"
`;

/** Where a file system of so many MiB, beside what the cache holds already, comes to its end. */
const CASES: [where: string, seed: Progress, roomMib: number][] = [
  ["while packages are downloaded", "empty", 40],
  ["while packages are unpacked", "packages", 60],
  ["while packages are configured", "packages", 330],
  ["while the disk is made", "tree", 200],
  ["while the image is converted", "disk", 8],
];

let built: BuiltCache;

beforeAll(async () => {
  built = await builtCache();
});

describe("a full disk", () => {
  test.each(CASES)("%s is named, nothing is left, and with more room it works", async (_, progress, roomMib) => {
    const folder = await makeBuildFolder("vmb-full-");
    try {
      const [seed, room] = [join(folder, "seed"), join(folder, "room")];
      await mkdir(room);
      await mkdir(seed);
      await built.copyTo(seed, progress);
      const build = [
        ...[PROGRAM, "build", ...built.options, "--quiet"],
        ...["--cache-dir", join(room, "cache"), "--dest", join(room, "results/vm")],
      ];
      const sizeMib = Math.ceil((await sizeOf(seed)) / MIB) + roomMib;
      const argv = ["--mount", "--propagation", "private", "sh", "-c", WITH_LITTLE_ROOM, "sh"];
      const { stdout, stderr } = await run("unshare", [...argv, String(sizeMib), room, seed, COPY, ...build], PATH);
      expect(stdout).not.toContain("SUCCEEDED");
      expect(stderr).toMatch(/no space left|No space left|full/i);
      expect(stderr).toContain("disk-full");
      expect(stdout).toContain("STATUS 1\n");
      expect(stdout).toContain("RESULTS \n");
      expect(stdout).toContain("WORK \n");
      expect(stdout).toContain("PARTS \n");
      expect(stdout).toContain("RETRY GOOD");
      expect(await lastingProcesses(folder)).toEqual([]);
      expect(await readdir(room)).toEqual([]); // what was mounted there has gone with its namespace
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});

async function sizeOf(directory: string): Promise<number> {
  const { stdout } = await run("du", ["--summarize", "--block-size=1", directory]);
  return Number(stdout.split("\t")[0]);
}
