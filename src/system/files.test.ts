import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  fileError,
  makeDirectory,
  processStart,
  removeTree,
  sha256File,
  sha256Text,
  writeFileAtomically,
} from "./files.ts";

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "vmbuilder-files-"));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

describe("sha256File", () => {
  it.each([0, 1, 1024 * 1024 - 1, 1024 * 1024, 3 * 1024 * 1024 + 17])("hashes %d bytes", async (length) => {
    const path = join(directory, "file");
    const bytes = Buffer.alloc(length, "0123456789abcdef!");
    await writeFile(path, bytes);
    expect(await sha256File(path)).toBe(createHash("sha256").update(bytes).digest("hex"));
  });

  it("agrees with sha256Text", async () => {
    const path = join(directory, "file");
    await writeFile(path, "ü\n");
    expect(await sha256File(path)).toBe(sha256Text("ü\n"));
  });

  it("stops when it is told to", async () => {
    const path = join(directory, "file");
    await writeFile(path, "x");
    await expect(sha256File(path, AbortSignal.abort(new Error("stop")))).rejects.toThrow("stop");
  });
});

describe("writeFileAtomically", () => {
  it("replaces content and sets the mode, and leaves no other name", async () => {
    const path = join(directory, "file");
    await writeFileAtomically(path, "old");
    await writeFileAtomically(path, "new", 0o600);
    expect(await readFile(path, "utf8")).toBe("new");
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await readdir(directory)).toEqual(["file"]);
  });

  it("leaves what was there when it cannot write", async () => {
    const path = join(directory, "folder");
    await mkdir(join(path, "inside"), { recursive: true });
    await expect(writeFileAtomically(path, "x")).rejects.toThrow();
    expect(await readdir(directory)).toEqual(["folder"]);
  });
});

describe("makeDirectory", () => {
  it("makes parents, and is content with what is there", async () => {
    const path = join(directory, "a/b/c");
    await makeDirectory(path);
    await makeDirectory(path);
    expect((await stat(path)).isDirectory()).toBe(true);
  });

  it("gives up where nothing can be made, though a parent is there", async () => {
    await expect(makeDirectory("/proc/vmbuilder/x")).rejects.toMatchObject({ code: "path-unusable" });
  });

  it("names what is in the way", async () => {
    const file = join(directory, "file");
    await writeFile(file, "");
    await expect(makeDirectory(file)).rejects.toMatchObject({
      code: "path-unusable",
      message: expect.stringContaining(file),
    });
  });
});

describe("removeTree", () => {
  it("removes a folder, and no more than the links in it", async () => {
    await mkdir(join(directory, "tree/deep"), { recursive: true });
    await writeFile(join(directory, "outside"), "stays");
    await symlink("../../outside", join(directory, "tree/deep/link"));
    await removeTree(join(directory, "tree"));
    expect(await readdir(directory)).toEqual(["outside"]);
  });

  it("is content when there is nothing", async () => {
    await removeTree(join(directory, "none"));
  });
});

describe("fileError", () => {
  it.each([
    ["ENOSPC", "disk-full"],
    ["EDQUOT", "disk-full"],
    ["EACCES", "path-unusable"],
    ["EROFS", "path-unusable"],
    ["EIO", "path-unusable"],
  ])("words %s", (code, expected) => {
    const cause = Object.assign(new Error(`${code}: no, open '/x'`), { code });
    expect(fileError(cause, "/cache")).toMatchObject({
      code: expected,
      message: expect.stringContaining("/cache"),
      hint: expect.any(String),
      cause,
    });
  });

  it.each([new Error("other"), Object.assign(new Error("x"), { code: "EOTHER" }), "text"])("passes on %o", (error) => {
    expect(fileError(error, "/cache")).toBe(error);
  });
});

describe("processStart", () => {
  it("is steady for a process, and nothing for none", async () => {
    expect(await processStart(process.pid)).toMatch(/^\d+$/);
    expect(await processStart(process.pid)).toBe(await processStart(process.pid));
    expect(await processStart(0)).toBeUndefined();
  });
});
