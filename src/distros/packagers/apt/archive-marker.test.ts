import { spawnSync } from "node:child_process";
import { gunzipSync, zstdDecompressSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { TarScanner } from "../../../system/tar-scanner.ts";
import { archiveMarker, ROOT_NAME, splitByMarker } from "./archive-marker.ts";

function unpack(codec: string, bytes: Buffer): Buffer {
  if (codec === ".gz") return gunzipSync(bytes);
  if (codec === ".zst") return zstdDecompressSync(bytes);
  return codec === ".xz" ? spawnSync("xz", ["-dc"], { input: bytes }).stdout : bytes;
}

describe("archiveMarker", () => {
  it.each(["", ".gz", ".zst", ".xz"])("is an archive of the root folder alone, in %j", (codec) => {
    const names: string[] = [];
    const scanner = new TarScanner({
      onEntry: ({ name, type, mode }) => void names.push(`${name} ${type} ${mode.toString(8)}`),
      onEnd: () => {},
    });
    scanner.push(unpack(codec, archiveMarker(codec)));
    expect(names).toEqual([`${ROOT_NAME} directory 755`]);
    expect(scanner.complete).toBe(true);
  });
});

describe("splitByMarker", () => {
  it.each([
    [
      "packages with a root of their own",
      ["./", "./", "./a", "./", "./", "./b"],
      [
        ["./", "./a"],
        ["./", "./b"],
      ],
    ],
    ["packages without", ["./", "./a", "./", "./b", "./c"], [["./a"], ["./b", "./c"]]],
    ["nothing", [], []],
    ["one that is nothing but its root", ["./", "./", "./", "./", "./b"], [["./"], ["./", "./b"]]],
  ])("splits %s", (_name, names, lists) => {
    expect(splitByMarker(names)).toEqual(lists);
  });
});
