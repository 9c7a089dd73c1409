import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readCopies, readScripts, readSeeds } from "./machine-files.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "vmbuilder-files-"));
  await mkdir(join(folder, "tree/sub"), { recursive: true });
  await writeFile(join(folder, "tree/a"), "one");
  await writeFile(join(folder, "tree/sub/b"), "two");
  await chmod(join(folder, "tree/a"), 0o600);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function file(content: string): Promise<string> {
  const path = join(folder, "file");
  await writeFile(path, content);
  return path;
}

describe("readCopies", () => {
  it("reads files, folders, modes and owners; sources are relative to the list", async () => {
    const list = "# remark\n\ntree/a /etc/a 0640 joe:adm\ntree/a /opt/dir/ 755 1000\ntree /srv/tree\n";
    const copies = await readCopies([await file(list)]);
    expect(copies.map(({ path, mode, owner, group }) => [path, mode.toString(8), owner, group])).toEqual([
      ["/etc/a", "640", "joe", "adm"],
      ["/opt/dir/a", "755", "1000", undefined],
      ["/srv/tree/a", "600", "0", "0"],
      ["/srv/tree/sub/b", "644", "0", "0"],
    ]);
    expect(Buffer.from(String(copies[3]?.base64), "base64").toString()).toBe("two");
  });
  it.each([
    ["tree/a", "file:1: this is no line"],
    ["\ntree/a etc/a", 'file:2: "etc/a" is no path'],
    ["tree/a /etc/../a", "is no path"],
    ["tree/a /etc/a rwx", '"rwx" is no mode'],
    ["tree/a /etc/a 644 joe:adm:x", "is no owner"],
    ["tree/a /etc/a 644 joe more", "this is no line"],
    ["tree/none /etc/a", "cannot read"],
    ["/dev/zero /etc/a", "cannot read"],
  ])("refuses %j, with its place", async (line, why) => {
    await expect(readCopies([await file(line)])).rejects.toThrow(why);
  });
});

describe("readScripts", () => {
  it("gives names that need no quoting", async () => {
    const path = join(folder, "my script;x");
    await writeFile(path, "#!/bin/sh\n");
    expect(await readScripts("exec", [path])).toEqual([{ name: "my_script_x", content: "#!/bin/sh\n" }]);
  });
  it("refuses a script that names no interpreter, and one that isn't there", async () => {
    await expect(readScripts("exec", [await file("echo\n")])).rejects.toThrow(/exec: .*file does not say what runs it/);
    await expect(readScripts("exec", [join(folder, "none")])).rejects.toMatchObject({ code: "file-unreadable" });
  });
});

describe("readSeeds", () => {
  it("takes what debconf-set-selections takes", async () => {
    const text = "# remark\ntzdata tzdata/Areas select Europe\na b/c string one \\\n  two\nd d/e note";
    expect(await readSeeds(await file(text))).toBe(`${text}\n`);
  });
  it("refuses another line, with its place", async () => {
    await expect(readSeeds(await file("a a/b string x\nnonsense\n"))).rejects.toThrow("file:2: this is no answer");
  });
});
