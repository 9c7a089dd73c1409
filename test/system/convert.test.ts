import { createHash } from "node:crypto";
import { mkdir, mkdtemp, open, readdir, readFile, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { FORMATS } from "../../src/formats/index.ts";
import { endOfTar, tarFileHeader, tarPadding } from "../../src/system/tar-writer.ts";
import { run, VMBUILDER, vmbuilder } from "../fixtures/vmbuilder.ts";

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "vmbuilder-convert-"));
  await writeFile(join(folder, "disk.raw"), "content ".repeat(100_000));
  await truncate(join(folder, "disk.raw"), 8 * 1024 ** 2);
  await writeFile(join(folder, "secret"), "secret ".repeat(1000));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const at = (name: string) => join(folder, name);
const image = (...args: string[]) => run("qemu-img", args);

describe("vmbuilder convert", () => {
  it("makes several formats, and back, the same disk each time", async () => {
    const there = await vmbuilder([
      "convert",
      at("disk.raw"),
      "--format",
      "qcow2,vmdk,vmdk-esxi,vdi,vhdx,vhd",
      "--dest",
      at("out"),
    ]);
    expect(there).toMatchObject({ status: 0 });
    expect((await readdir(at("out"))).sort()).toEqual(
      ["disk-esxi-flat.vmdk", "disk-esxi.vmdk", "disk.qcow2", "disk.vdi", "disk.vhd", "disk.vhdx", "disk.vmdk"].sort(),
    );
    for (const name of ["disk.qcow2", "disk.vmdk", "disk-esxi.vmdk", "disk.vdi", "disk.vhdx", "disk.vhd"]) {
      const back = at(`back-${name}`);
      expect(await vmbuilder(["convert", at(`out/${name}`), "--format", "raw", "--dest", back])).toMatchObject({
        status: 0,
      });
      const [made = ""] = await readdir(back);
      expect(await image("compare", "-f", "raw", "-F", "raw", at("disk.raw"), join(back, made))).toMatchObject({
        status: 0,
      });
    }
  });

  it("reads and writes no more than what a disk of 20 GB holds", async () => {
    const sparse = at("sparse.raw");
    await writeFile(sparse, "content ".repeat(100_000));
    await truncate(sparse, 20e9);
    await using file = await open(sparse, "r+");
    await file.write("in the middle", 7e9);
    await file.write("at the end", 20e9 - 100);
    const calls = "read,pread64,readv,preadv,write,pwrite64,writev,pwritev,sendfile,copy_file_range,splice";
    const command = [
      VMBUILDER,
      "convert",
      sparse,
      "--format",
      FORMATS.map(({ name }) => name).join(),
      "--dest",
      at("all"),
    ];
    await mkdir(at("traces")); // a file for each thread, so that no line is broken by another
    const how = ["-ff", "--seccomp-bpf", "-qq", "-y", "-e", `trace=${calls}`, "-o", at("traces/of")];
    expect(await run("strace", [...how, ...command])).toMatchObject({ status: 0 });
    // of the disk and what is made of it, without programs that are loaded and pipes between them
    const counts = new Map<string, number>();
    for (const trace of await readdir(at("traces")))
      for (const line of (await readFile(at(`traces/${trace}`), "utf8")).split("\n")) {
        const [, name = "", path, bytes] = /^(\w+)\(.*?<([^>]*)>.* = (\d+)$/.exec(line) ?? [];
        if (path?.startsWith(folder)) counts.set(name, (counts.get(name) ?? 0) + Number(bytes));
      }
    const sum = (kind: string) =>
      [...counts].reduce((all, [name, bytes]) => all + (name.includes(kind) ? bytes : 0), 0);
    const held = FORMATS.length * 800_000;
    expect(sum("read")).toBeGreaterThan(held);
    expect(sum("write")).toBeGreaterThan(held / 2); // some compress it
    expect([...counts.values()].reduce((all, bytes) => all + bytes)).toBeLessThan(200e6);
    for (const name of ["sparse.vmdk", "sparse-stream.vmdk"]) {
      expect(await image("check", "-q", "-f", "vmdk", at(`all/${name}`))).toMatchObject({ status: 0 });
      const compared = await image("compare", "-f", "raw", "-F", "vmdk", sparse, at(`all/${name}`));
      expect(compared).toMatchObject({ stdout: "Images are identical.\n" });
    }
  });

  it("leaves no half file when one of several formats cannot be made", async () => {
    await mkdir(at("blocked"));
    const args = ["convert", at("disk.raw"), "--dest", at("blocked"), "--format", "qcow2-compressed,vmdk,vhd-fixed"];
    await mkdir(at("blocked/disk.vmdk"));
    const { status, stderr } = await vmbuilder([...args, "--overwrite"]);
    expect({ status, stderr }).toEqual({ status: 1, stderr: expect.stringContaining("disk.vmdk") });
    expect((await readdir(at("blocked"))).filter((name) => name.startsWith("."))).toEqual([]);
  });

  it("takes the disks out of an OVA, and refuses one that was changed on the way", async () => {
    await vmbuilder(["convert", at("disk.raw"), "--format", "vmdk-stream", "--dest", folder]);
    const disk = await readFile(at("disk-stream.vmdk"));
    const hash = createHash("sha256").update(disk).digest("hex");
    const members = { "a.ovf": OVF("a.vmdk"), "a.mf": `SHA256(a.vmdk)= ${hash}\n`, "a.vmdk": disk };
    await ova("good.ova", members);
    const args = ["--format", "raw,qcow2", "--dest", at("taken")];
    expect(await vmbuilder(["convert", at("good.ova"), ...args])).toMatchObject({ status: 0 });
    expect((await readdir(at("taken"))).sort()).toEqual(["good.qcow2", "good.raw"]);
    expect(await run("cmp", [at("disk.raw"), at("taken/good.raw")])).toMatchObject({ status: 0, stdout: "" });
    await ova("bad.ova", { ...members, "a.vmdk": Buffer.concat([disk.subarray(0, -1), Buffer.from("x")]) });
    const refused = await vmbuilder(["convert", at("bad.ova"), "--format", "raw", "--dest", at("taken")]);
    expect(refused).toMatchObject({ status: 2, stderr: expect.stringContaining("does not have the hash") });
    expect((await readdir(at("taken"))).sort()).toEqual(["good.qcow2", "good.raw"]);
  });

  it("replaces nothing unless told so", async () => {
    const args = ["convert", at("disk.raw"), "--format", "qcow2", "--dest", at("kept")];
    expect(await vmbuilder(args)).toMatchObject({ status: 0 });
    expect(await vmbuilder(args)).toMatchObject({ status: 2, stderr: expect.stringContaining("exists already") });
    expect(await vmbuilder([...args, "--overwrite"])).toMatchObject({ status: 0 });
    expect(await readdir(at("kept"))).toEqual(["disk.qcow2"]);
  });

  it.each([
    ["a name without extension", ["secret"], "its name does not tell"],
    ["another format than told", ["disk.raw", "--input-format", "qcow2"], "is no qcow2"],
    ["no image", ["nothing.qcow2"], "cannot read"],
    ["the image itself as the result", ["disk.raw", "--overwrite", "--format", "raw"], "is the image itself"],
    ["an unknown format", ["disk.raw", "--format", "qcow3"], "did you mean qcow2?"],
  ])("refuses %s in one line, and makes nothing", async (_, [name = "", ...args], message) => {
    const before = await readdir(folder);
    const { status, stderr } = await vmbuilder(["convert", at(name), "--format", "vdi", ...args]);
    expect({ status, stderr }).toEqual({ status: 2, stderr: expect.stringContaining(message) });
    expect(await readdir(folder)).toEqual(before);
  });
});

/** Images that lead to other files, by the name of what is wrong with them. */
const HOSTILE: Readonly<Record<string, () => Promise<string>>> = {
  "backing file": async () => {
    await image("create", "-q", "-f", "qcow2", "-b", at("secret"), "-F", "raw", at("backed.qcow2"));
    return "backed.qcow2";
  },
  "json: name as its backing file": async () => {
    const name = `json:{"driver":"file","filename":"${at("secret")}"}`;
    await image("create", "-q", "-u", "-f", "qcow2", "-b", name, "-F", "raw", at("json.qcow2"), "1M");
    return "json.qcow2";
  },
  "name of a raw disk, but the beginning of a qcow2 that has a backing file": async () => {
    await image("create", "-q", "-f", "qcow2", "-b", at("secret"), "-F", "raw", at("disguised.raw"));
    return "disguised.raw";
  },
  "name of a raw disk, but the text of a VMDK": async () => {
    await writeFile(at("disguised.img"), `# Disk DescriptorFile\nRW 14 FLAT "${at("secret")}" 0\n`);
    return "disguised.img";
  },
  "external data file": async () => {
    await image("create", "-q", "-f", "qcow2", "-o", `data_file=${at("data.secret")}`, at("external.qcow2"), "1M");
    return "external.qcow2";
  },
  "extent elsewhere": () => descriptor("elsewhere.vmdk", `RW 14 FLAT "${at("secret")}" 0`),
  "json: name as its extent": () => {
    const name = `json:{\\"driver\\":\\"file\\",\\"filename\\":\\"${at("secret")}\\"}`;
    return descriptor("json.vmdk", `RW 14 FLAT "${name}" 0`);
  },
  "extent behind a link": async () => {
    await symlink(at("secret"), at("link-flat.vmdk"));
    return descriptor("linked.vmdk", `RW 14 FLAT "link-flat.vmdk" 0`);
  },
  "extent without a name in quotes": () => descriptor("unquoted.vmdk", `RW 14 FLAT ${at("secret")} 0`),
  "parent disk": () => descriptor("child.vmdk", `parentFileNameHint="${at("secret")}"`),
  "parent disk where qemu looks for it": async () => {
    await image("create", "-q", "-f", "vmdk", at("parent.vmdk"), "1M");
    const bytes = await readFile(at("parent.vmdk"));
    bytes.writeBigUInt64LE(100n, 28); // the header points to a harmless description
    bytes.write("# Disk DescriptorFile\nparentCID=ffffffff\n", 100 * 512);
    bytes.write(`parentFileNameHint="${at("secret")}"\n`, 1024);
    await writeFile(at("parent.vmdk"), bytes);
    return "parent.vmdk";
  },
};

const OVF = (href: string, prolog = "") =>
  `<?xml version="1.0"?>${prolog}<Envelope xmlns:ovf="o"><References><File ovf:id="f" ovf:href="${href}"/></References><DiskSection><Disk ovf:fileRef="f"/></DiskSection></Envelope>`;

/** OVAs that lead elsewhere. Their names are written as they stand. */
const HOSTILE_OVAS: Readonly<Record<string, () => Promise<string>>> = {
  "entity in its description": () =>
    ova("entity.ova", { "a.ovf": OVF("a.vmdk", `<!DOCTYPE x [<!ENTITY e SYSTEM "file://${at("secret")}">]>`) }),
  "disk's name that climbs": () => ova("climb.ova", { "a.ovf": OVF("../secret") }),
  "json: name as its disk": () =>
    ova("json.ova", { "a.ovf": OVF(`json:{&quot;filename&quot;:&quot;${at("secret")}&quot;}`) }),
  "member's name that climbs": () => ova("member.ova", { "a.ovf": OVF("a.vmdk"), "../secret": "x" }),
  "member that is a link": () => ova("link.ova", { "a.ovf": OVF("a.vmdk"), "a.vmdk": "" }, "2"),
  "disk with its extent elsewhere": async () =>
    ova("extent.ova", {
      "a.ovf": OVF("a.vmdk"),
      "a.vmdk": await readFile(at(await descriptor("x.vmdk", `RW 14 FLAT "${at("secret")}" 0`)), "utf8"),
    }),
  "disk with a backing file": async () => {
    await image("create", "-q", "-u", "-f", "qcow2", "-b", at("secret"), "-F", "raw", at("inner.qcow2"), "1M");
    return ova("backed.ova", { "a.ovf": OVF("a.qcow2"), "a.qcow2": await readFile(at("inner.qcow2")) });
  },
  "disk that ends after the archive": async () => {
    const name = await ova("short.ova", { "a.ovf": OVF("a.vmdk"), "a.vmdk": "KDMV".repeat(1000) });
    await truncate(at(name), 3000);
    return name;
  },
};

async function ova(name: string, members: Record<string, string | Buffer>, lastType = "0"): Promise<string> {
  const entries = Object.entries(members).map(([member, text], index, all) => {
    const content = Buffer.from(text);
    const header = tarFileHeader(member, content.length);
    if (index === all.length - 1) header.write(lastType, 156);
    header.fill(" ", 148, 156);
    header.write(
      `${header
        .reduce((sum, byte) => sum + byte, 0)
        .toString(8)
        .padStart(6, "0")}\0 `,
      148,
    );
    return [header, content, tarPadding(content.length)];
  });
  await writeFile(at(name), Buffer.concat([...entries.flat(), endOfTar()]));
  return name;
}

async function descriptor(name: string, line: string): Promise<string> {
  await writeFile(
    at(name),
    `# Disk DescriptorFile\nversion=1\nCID=1\nparentCID=ffffffff\ncreateType="monolithicFlat"\n${line}\n`,
  );
  return name;
}

describe("a foreign image", () => {
  it.each(Object.keys({ ...HOSTILE, ...HOSTILE_OVAS }))(
    "with a %s is refused before any tool opens it",
    async (what) => {
      const name = (await (HOSTILE[what] ?? HOSTILE_OVAS[what])?.()) ?? "";
      const log = at("trace");
      const command = [VMBUILDER, "convert", at(name), "--format", "raw", "--dest", at("stolen")];
      const { status, stderr } = await run("strace", ["-f", "-qq", "-e", "trace=openat,execve", "-o", log, ...command]);
      expect({ status, stderr }).toEqual({ status: 2, stderr: expect.stringContaining(name) });
      const trace = await readFile(log, "utf8");
      expect(trace).toContain(name);
      expect(trace).not.toMatch(/secret|qemu-img/);
      expect(await readdir(folder)).not.toContain("stolen");
    },
  );
});
