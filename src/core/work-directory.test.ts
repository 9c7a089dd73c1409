import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { processStart } from "../system/files.ts";
import { makeWorkDirectory, reapWorkDirectories, startOfOldestLiveWork } from "./work-directory.ts";

let parent: string;
beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), "vmbuilder-work-"));
});
afterEach(() => rm(parent, { recursive: true, force: true }));

describe("work directories", () => {
  it("are different each time, and nobody else's to read", async () => {
    const made = await Promise.all([makeWorkDirectory(parent), makeWorkDirectory(parent)]);
    expect(new Set(made).size).toBe(2);
    expect((await readdir(parent)).sort()).toEqual(made.map((path) => basename(path)).sort());
  });

  it("stay while their process lives, and go with what is in them when it is dead", async () => {
    const own = await makeWorkDirectory(parent);
    const start = await processStart(process.pid);
    // No process has number 0; a process that has our number but another start is another one.
    for (const dead of [`0.${start}.0`, `${process.pid}.1.0`, "removed-0123", "damaged-tree-0123"]) {
      await mkdir(join(parent, dead, "deep"), { recursive: true });
      await writeFile(join(parent, dead, "deep", "file"), "left");
    }
    await reapWorkDirectories(parent);
    expect(await readdir(parent)).toEqual([basename(own)]);
  });

  it("say since when work is going on", async () => {
    const before = Date.now();
    await mkdir(join(parent, `${process.pid}.1.0`)); // dead, so it doesn't count
    expect(await startOfOldestLiveWork(parent)).toBeGreaterThanOrEqual(before);
    const earlier = Date.now();
    await makeWorkDirectory(parent);
    await new Promise((resolve) => setTimeout(resolve, 30));
    const oldest = await startOfOldestLiveWork(parent);
    expect(oldest).toBeGreaterThan(earlier - 1000);
    expect(oldest).toBeLessThan(Date.now() - 20);
  });

  it("name the folder that cannot be made", async () => {
    const file = join(parent, "file");
    await writeFile(file, "");
    await expect(makeWorkDirectory(file)).rejects.toMatchObject({
      code: "path-unusable",
      message: expect.stringContaining(file),
    });
  });
});
