import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readOldConfig } from "./old-config.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "vmb-config-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function read(lines: readonly string[], given = {}) {
  const file = join(folder, "vmbuilder.cfg");
  await writeFile(file, lines.join("\n"));
  const { settings, notes, ...names } = await readOldConfig([file], given);
  const values = Object.fromEntries([...settings].map(([key, { value }]) => [key, value]));
  return { values, notes: notes.map((note) => note.replace(file, "FILE")), ...names };
}

describe("readOldConfig", () => {
  it("lets the hypervisor's section beat the distribution's, and that the section for all", async () => {
    const lines = [
      "[kvm]",
      "mem = 3",
      "[DEFAULT]",
      "mem = 1",
      "cpus = 1",
      "swapsize = 1",
      "[debian]",
      "mem = 2",
      "cpus = 2",
    ];
    expect(await read(lines)).toEqual({
      values: { mem: "3", cpus: "2", swapsize: "1" },
      notes: [],
      distro: "debian",
      hypervisor: "kvm",
    });
  });

  it("knows old names, joins by hyphens, splits lists at both signs, and leaves out what is empty or no", async () => {
    const lines = [
      "[DEFAULT]",
      "flavour = virtual",
      "kernel_flavour =",
      "lock_user = no",
      "addpkg = a:b, c",
      "destdir = x",
      "dns = 192.0.2.1",
    ];
    expect((await read([...lines, "overwrite = yes", "tmpfs = -"])).values).toEqual({
      "kernel-flavour": "virtual",
      "addpkg": ["a", "b", "c"],
      "dest": "x",
      "dns": ["192.0.2.1"],
      "overwrite": true,
      "tmpfs": "-",
    });
  });

  it("tells of all that has no effect, with its place and without its value", async () => {
    const lines = [
      "[DEFAULT]",
      "colour = hidden",
      "ec2-key = hidden",
      "nonsense",
      "[xen]",
      "mem = 1",
      "[kvm]",
      "[fedora]",
      "mem = 1",
    ];
    const { notes } = await read(lines, { hypervisor: "kvm" });
    expect(notes).toEqual([
      "FILE:4: this is no line KEY = VALUE; it was left out",
      "the section [xen] was left out",
      "the section [fedora] was left out",
      "FILE:2: colour: there is no such option; it was left out",
      expect.stringMatching(/^FILE:3: ec2-key: no machines are made for EC2/),
    ]);
    expect(notes.join()).not.toContain("hidden");
  });

  it("takes kvm's section where several have one, unless another is named", async () => {
    const lines = ["[esxi]", "mem = 1", "[kvm]", "mem = 2", "[ubuntu]", "suite = noble", "[debian]", "suite = trixie"];
    expect(await read(lines)).toMatchObject({
      hypervisor: "kvm",
      distro: "debian",
      values: { mem: "2", suite: "trixie" },
    });
    expect(await read(lines, { hypervisor: "esxi", distro: "ubuntu" })).toMatchObject({
      values: { mem: "1", suite: "noble" },
    });
  });

  it("lets a later file beat an earlier one", async () => {
    const files = ["a", "b"].map((name) => join(folder, name));
    for (const file of files) await writeFile(file, `[DEFAULT]\nmem = ${files.indexOf(file) + 1}\n`);
    expect((await readOldConfig(files, {})).settings.get("mem")).toEqual({
      key: "mem",
      value: "2",
      file: files[1],
      line: 2,
    });
  });
});
