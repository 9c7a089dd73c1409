import { chmod, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readDebLayout } from "../../src/system/deb-archive.ts";
import { type TarEntry, TarScanner } from "../../src/system/tar-scanner.ts";
import { writeTar } from "../../src/system/tar-writer.ts";
import { makeDeb } from "../fixtures/debs.ts";
import { run } from "../fixtures/vmbuilder.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "vmbuilder-archives-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const LONG = `long/${"n".repeat(120)}/${"ü".repeat(60)}`;

function scan(archive: Buffer): TarEntry[] {
  const entries: TarEntry[] = [];
  const scanner = new TarScanner({ onEntry: (entry) => void entries.push(entry), onEnd: () => {} });
  scanner.push(archive);
  expect(scanner.complete).toBe(true);
  return entries;
}

describe("an archive of ours", () => {
  it("is listed by tar as it was meant", async () => {
    const archive = writeTar(
      [
        { kind: "directory", path: "/home/ann", mode: 0o700, uid: 1000, gid: 1000 },
        { kind: "file", path: "/home/ann/a file", content: "hello", mode: 0o4755, uid: 1000, gid: 1001 },
        { kind: "file", path: `/${LONG}`, content: Buffer.alloc(1025), mode: 0o644 },
        { kind: "symlink", path: "/link", target: `/${LONG}` },
      ],
      1_700_000_000,
    );
    await writeFile(join(folder, "a.tar"), archive);
    const argv = ["--numeric-owner", "--quoting-style=literal", "--full-time", "--utc", "-tvf", join(folder, "a.tar")];
    const { status, stdout, stderr } = await run("tar", argv, { PATH: process.env.PATH, LC_ALL: "C.UTF-8" });
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout.replaceAll(/ +/g, " ").trimEnd().split("\n")).toEqual([
      "drwx------ 1000/1000 0 2023-11-14 22:13:20 ./home/ann/",
      "-rwsr-xr-x 1000/1001 5 2023-11-14 22:13:20 ./home/ann/a file",
      `-rw-r--r-- 0/0 1025 2023-11-14 22:13:20 ./${LONG}`,
      `lrwxrwxrwx 0/0 0 2023-11-14 22:13:20 ./link -> /${LONG}`,
    ]);
  });
});

describe("an archive of tar's", () => {
  it.each(["ustar", "gnu", "posix"])("is read in the form %s", async (format) => {
    const tree = join(folder, "tree");
    await mkdir(join(tree, "etc"), { recursive: true });
    await writeFile(join(tree, "etc/file"), "x".repeat(700));
    await chmod(join(tree, "etc/file"), 0o2750);
    await symlink("file", join(tree, "etc/link"));
    if (format !== "ustar") {
      await mkdir(join(tree, `long/${"n".repeat(120)}`), { recursive: true });
      await writeFile(join(tree, LONG), "");
    }
    const archive = join(folder, "a.tar");
    const owner = ["--owner=ann:1000", "--group=ann:1000", "--sort=name"];
    expect((await run("tar", ["-C", tree, `--format=${format}`, ...owner, "-cf", archive, "."])).status).toBe(0);
    const entries = scan(await readFile(archive));
    expect(entries.slice(0, 4)).toMatchObject([
      { name: "./", type: "directory" },
      { name: "./etc/", type: "directory" },
      { name: "./etc/file", type: "file", sizeBytes: 700, mode: 0o2750, uid: 1000, gid: 1000 },
      { name: "./etc/link", type: "symlink", linkTarget: "file" },
    ]);
    expect(entries.at(-1)?.name).toBe(format === "ustar" ? "./etc/link" : `./${LONG}`);
  });
});

describe("a package of dpkg-deb's", () => {
  it("is laid out as ar says", async () => {
    const deb = await makeDeb(folder, { name: "small", files: { "/usr/share/small": "x" } });
    const { control, data } = await readDebLayout(deb);
    const bytes = await readFile(deb);
    for (const member of [control, data]) {
      await run("sh", ["-c", `ar p "$1" "$2" >"$3"`, "sh", deb, member.name, join(folder, "member")]);
      const ours = bytes.subarray(member.offset, member.offset + member.sizeBytes);
      expect(ours.equals(await readFile(join(folder, "member")))).toBe(true);
    }
  });
});
