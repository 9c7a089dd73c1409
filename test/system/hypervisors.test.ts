import { mkdir, mkdtemp, open, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Format } from "../../src/core/format.ts";
import type { MachineDescription } from "../../src/core/hypervisor.ts";
import { FORMATS } from "../../src/formats/index.ts";
import { HYPERVISORS } from "../../src/hypervisors/index.ts";
import { planNetwork } from "../../src/model/network.ts";
import { recipeSchema } from "../../src/model/recipe.ts";
import { convertImage } from "../../src/system/disk-image.ts";
import { machineDescription, machineDisk } from "../fixtures/machine-description.ts";
import { run, vmbuilder } from "../fixtures/vmbuilder.ts";

const SIZE_BYTES = 64 * 1024 ** 2;
const UUID = "6f3c2b1a-8d57-4a36-9bd5-0b54a9b65b01";
const { signal } = new AbortController();
/** As qemu-img calls them. */
const DRIVERS: Record<string, string> = { "qcow2-compressed": "qcow2", vhd: "vpc", "vhd-fixed": "vpc" };

let directory: string;
let rawDisk: string;
let source: { path: string; format: "qcow2" };

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "vmbuilder-formats-"));
  rawDisk = join(directory, "disk");
  await using file = await open(rawDisk, "w");
  await file.truncate(SIZE_BYTES);
  for (const [at, text] of [
    [0, "boot"],
    [5_000_000, "data ".repeat(300_000)],
    [SIZE_BYTES - 512, "end"],
  ] as const)
    await file.write(text, at);
  source = { path: join(directory, "source.qcow2"), format: "qcow2" };
  await convertImage(rawDisk, "raw", source.path, "qcow2", [], signal);
});
afterAll(() => rm(directory, { recursive: true, force: true }));

async function convert(format: Format): Promise<string> {
  const target = join(directory, `web${format.suffix}`);
  await format.convert(source, target, UUID, signal);
  return target;
}

/** Blocks of 512 bytes that a file takes on the disk. */
async function usedBytes(path: string): Promise<number> {
  const { stdout } = await run("stat", ["-c", "%b", path]);
  return Number(stdout) * 512;
}

describe.each(FORMATS.map((format) => [format.name, format] as const))("the format %s", (name, format) => {
  it("holds the same disk, and no more than its content", async () => {
    const target = await convert(format);
    if (name === "raw.zst") {
      expect(await run("zstd", ["-q", "-d", target, "-o", `${target}.raw`])).toMatchObject({ status: 0, stderr: "" });
      expect(await run("cmp", [rawDisk, `${target}.raw`])).toMatchObject({ status: 0, stdout: "" });
    } else {
      const driver = DRIVERS[name] ?? name.replace(/-.*/, "");
      const { stdout, status } = await run("qemu-img", ["compare", "-f", "raw", "-F", driver, rawDisk, target]);
      expect(`${status} ${stdout}`).toBe("0 Images are identical.\n");
    }
    const files = [target, ...(format.companions?.(target) ?? [])];
    const used = await Promise.all(files.map(usedBytes));
    expect(used.reduce((sum, bytes) => sum + bytes)).toBeLessThan(24 * 1024 ** 2);
  });
});

it.each(["qcow2", "qcow2-compressed", "raw.zst", "vmdk", "vmdk-stream", "vmdk-esxi"])(
  "of the same disk come the same bytes of %s",
  async (name) => {
    const format = FORMATS.find((one) => one.name === name) as Format;
    const hashes = async () => (await run("sha256sum", [await convert(format)])).stdout;
    expect(await hashes()).toBe(await hashes());
  },
);

it("a VDI carries the UUID by which VirtualBox's settings name it", async () => {
  const vdi = FORMATS.find(({ name }) => name === "vdi") as Format;
  const target = await convert(vdi);
  await using file = await open(target, "r");
  const { buffer } = await file.read(Buffer.alloc(16), 0, 16, 0x188);
  expect(buffer.toString("hex")).toBe("1a2b3c6f578d364a9bd50b54a9b65b01");
});

async function describeFor(name: string, changes: Partial<MachineDescription> = {}): Promise<string> {
  const machine = machineDescription(changes);
  const [file] = HYPERVISORS.find((one) => one.name === name)?.describe(machine) ?? [];
  const path = join(directory, file?.name ?? "");
  await writeFile(path, file?.content ?? "");
  return path;
}

const MAC = "52:54:00:12:34:56";
const busy = { recipe: { mem: 3072, cpus: 3 }, network: planNetwork(recipeSchema.parse({ mac: MAC })) };

/** How each hypervisor says that the first card is on the bridge br0; those that aren't here leave it to who imports the machine. */
const BRIDGED: Readonly<Record<string, string>> = {
  kvm: "bridge,id=net0,br=br0",
  qemu: "bridge,id=net0,br=br0",
  libvirt: "bridge='br0'",
  ...Object.fromEntries(["vmware", "vmw6", "vmserver"].map((name) => [name, 'ethernet0.connectionType = "bridged"'])),
  esxi: 'ethernet0.networkName = "br0"',
  vbox: '<BridgedInterface name="br0"/>',
  hyperv: "-SwitchName $Switch",
  xen: "bridge=br0",
};
const LEAVES_NETWORK = ["ova", "ova-2.0", "vagrant-libvirt", "vagrant-vbox"];

/** All texts that a hypervisor writes of a machine, those in its archive too. */
async function textsOf(name: string, changes: Partial<MachineDescription>): Promise<string> {
  const hypervisor = HYPERVISORS.find((one) => one.name === name);
  const format = FORMATS.find((one) => one.name === hypervisor?.format) as Format;
  const folder = await mkdtemp(join(directory, "contract-"));
  const disk = `web${format.suffix}`;
  await writeFile(join(folder, disk), "a disk");
  const machine = machineDescription({ ...changes, disks: [machineDisk(disk)] });
  const texts = (hypervisor?.describe(machine) ?? []).map(({ content }) => content);
  const archive = await hypervisor?.pack?.(machine, folder, signal);
  if (archive) {
    await run("tar", ["-xf", join(folder, archive), "-C", folder]);
    for (const member of (await readdir(folder)).filter((one) => /\.(ovf|json)$|^Vagrantfile$/.test(one)))
      texts.push(await readFile(join(folder, member), "utf8"));
  }
  return texts.join("\n");
}

describe.each(HYPERVISORS.map(({ name }) => name))("the contract of %s", (name) => {
  const recipe = recipeSchema.parse({ mac: MAC, bridge: "br0", interfaces: [{}, { mac: "52:54:00:65:43:21" }] });
  const asked = { recipe: { mem: 3072, cpus: 3 }, network: planNetwork(recipe), firmware: "uefi" } as const;

  it("memory, processors, hardware address, network and firmware are the recipe's", async () => {
    const text = await textsOf(name, asked);
    expect(text).toContain("3072");
    expect(text).toMatch(/\b3\b/);
    expect(text.replaceAll(":", "").toLowerCase()).toContain("525400123456");
    // Vagrant makes the second card by its Vagrantfile
    if (name !== "vagrant-libvirt") expect(text.replaceAll(":", "").toLowerCase()).toContain("525400654321");
    expect(await textsOf(name, { ...asked, firmware: "bios" })).not.toBe(text);
    const unbridged = await textsOf(name, { ...asked, network: planNetwork(recipeSchema.parse({ mac: MAC })) });
    expect(Object.keys(BRIDGED).includes(name)).toBe(!LEAVES_NETWORK.includes(name));
    if (name in BRIDGED) expect(text).toContain(BRIDGED[name]);
    if (name in BRIDGED && name !== "hyperv") expect(unbridged).not.toContain(BRIDGED[name]);
  });
});

describe("libvirt", () => {
  it.each([
    {},
    { ...busy, firmware: "uefi" },
    { ...busy, architecture: "arm64", firmware: "uefi" },
  ] as Partial<MachineDescription>[])(
    "accepts the domain %j, by its schema and by its test driver",
    async (changes) => {
      const path = await describeFor("libvirt", changes);
      expect(await run("virt-xml-validate", [path, "domain"])).toMatchObject({ status: 0 });
      if (changes.architecture === "arm64") return; // the test driver is a PC
      expect(await run("virsh", ["-c", "test:///default", "define", "--validate", path])).toMatchObject({
        status: 0,
        stderr: "",
      });
    },
  );
});

describe("VMware", () => {
  it.each(["vmware", "esxi"])("settings for %s say to libvirt's parser what the recipe said", async (name) => {
    const stubs = join(directory, "stubs");
    await run("mkdir", ["-p", stubs]);
    await writeFile(join(stubs, "vmware"), "#!/bin/sh\necho 'VMware Workstation 17.0.0 build-1'\n", { mode: 0o755 });
    await writeFile(join(stubs, "vmrun"), "#!/bin/sh\necho 'vmrun version 1.17.0 build-1'\n", { mode: 0o755 });
    const settings = await describeFor(name, { ...busy, firmware: "uefi", disks: [machineDisk("web.vmdk")] });
    const uri = ["-c", "vmwarews:///session", "domxml-from-native", "vmware-vmx"];
    const { stdout, stderr, status } = await run("virsh", [...uri, settings], {
      ...process.env,
      PATH: `${stubs}:${process.env.PATH}`,
    });
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout).toContain("<name>web</name>");
    expect(stdout).toContain(">3145728</memory>");
    expect(stdout).toContain(">3</vcpu>");
    expect(stdout).toContain(`<mac address='${MAC}'`);
    expect(stdout).toContain("model='vmpvscsi'");
    expect(stdout).toContain("<model type='vmxnet3'/>");
    expect(stdout).toContain("firmware='efi'");
  });
});

it("an OVA of OVF 2.0 has its elements, the hashes of its members, and converts back", async () => {
  const ova = HYPERVISORS.find(({ name }) => name === "ova-2.0");
  const disk = await convert(FORMATS.find(({ name }) => name === ova?.format) as Format);
  const disks = [{ name: basename(disk), sizeBytes: SIZE_BYTES, uuid: UUID }];
  expect(await ova?.pack?.(machineDescription({ ...busy, disks }), directory, signal)).toBe("web-ovf2.ova");
  const folder = join(directory, "ovf2");
  await mkdir(folder);
  await run("tar", ["-xf", join(directory, "web-ovf2.ova"), "-C", folder]);
  const manifest = (await readFile(join(folder, "web.mf"), "utf8")).replace(/SHA256\((.*)\)= (.*)/g, "$2  $1");
  await writeFile(join(folder, "sums"), manifest);
  expect(await run("sh", ["-c", 'cd "$1" && sha256sum --check sums', "sh", folder])).toMatchObject({
    stdout: "web.ovf: OK\nweb-stream.vmdk: OK\n",
  });
  const query = (path: string) => run("xmllint", ["--xpath", path, join(folder, "web.ovf")]);
  const named = (...names: string[]) => names.map((name) => `*[local-name()="${name}"]`).join("/");
  const root = `/*[local-name()="Envelope" and namespace-uri()="http://schemas.dmtf.org/ovf/envelope/2"]`;
  const hardware = `${root}/${named("VirtualSystem", "VirtualHardwareSection")}`;
  const read = async (path: string) => (await query(`string(${hardware}/${path})`)).stdout.trim();
  expect(await read(named("StorageItem", "HostResource"))).toBe("ovf:/disk/disk1");
  expect(await read(named("EthernetPortItem", "Address"))).toBe(MAC);
  expect(await read(`*[*[local-name()="ResourceType"]="4"]/${named("VirtualQuantity")}`)).toBe("3072");
  const back = join(directory, "ovf2-back");
  const args = ["convert", join(directory, "web-ovf2.ova"), "--format", "raw", "--dest", back];
  expect(await vmbuilder(args)).toMatchObject({ status: 0 });
  expect(await run("cmp", [rawDisk, join(back, "web-ovf2.raw")])).toMatchObject({ status: 0, stdout: "" });
});

it("virt-v2v reads an OVA, hashes included", async () => {
  const ova = HYPERVISORS.find(({ name }) => name === "ova");
  const disk = await convert(FORMATS.find(({ name }) => name === ova?.format) as Format);
  const disks = [{ name: "web-stream.vmdk", sizeBytes: SIZE_BYTES, uuid: UUID }];
  const name = await ova?.pack?.(machineDescription({ ...busy, disks }), directory, signal);
  const file = join(directory, name ?? "");
  const env = { ...process.env, LIBGUESTFS_BACKEND: "direct" };
  const read = () => run("virt-v2v", ["-i", "ova", file, "--print-source"], env);
  const { stdout, status } = await read();
  expect(status).toBe(0);
  expect(stdout).toMatch(/source name: web\n/);
  expect(stdout).toMatch(/memory: 3221225472/);
  expect(stdout).toMatch(/nr vCPUs: 3/);
  expect(stdout).toContain(MAC);
  expect(await run("tar", ["-tf", file])).toMatchObject({ stdout: "web.ovf\nweb.mf\nweb-stream.vmdk\n" });
  await using archive = await open(file, "r+");
  await archive.write("x", (await run("stat", ["-c", "%s", file]).then(({ stdout: size }) => Number(size))) - 20_000);
  expect(await read()).not.toMatchObject({ status: 0 });
  expect(disk).toContain("web-stream.vmdk");
});

describe("a Vagrant box", () => {
  const pack = async (name: string, changes: Partial<MachineDescription>) => {
    const hypervisor = HYPERVISORS.find((one) => one.name === name);
    const format = FORMATS.find((one) => one.name === hypervisor?.format) as Format;
    const disk = basename(await convert(format));
    const disks = [{ name: disk, sizeBytes: SIZE_BYTES, uuid: UUID }];
    const box = await hypervisor?.pack?.(machineDescription({ ...busy, ...changes, disks }), directory, signal);
    const folder = join(directory, name);
    await mkdir(folder);
    await run("tar", ["-xf", join(directory, box ?? ""), "-C", folder]);
    await rm(join(directory, box ?? ""));
    return { folder, format, disk };
  };
  const json = async (path: string) => JSON.parse(await readFile(path, "utf8"));

  it("for libvirt holds the disk, what Vagrant asks of it, and the recipe's memory, processors and address", async () => {
    const { folder } = await pack("vagrant-libvirt", { recipe: { ...busy.recipe, user: "joe" } });
    expect((await readdir(folder)).sort()).toEqual(["Vagrantfile", "box.img", "metadata.json"]);
    expect(await json(join(folder, "metadata.json"))).toEqual({
      provider: "libvirt",
      format: "qcow2",
      virtual_size: 1,
    });
    const settings = await readFile(join(folder, "Vagrantfile"), "utf8");
    for (const part of ["memory = 3072", "cpus = 3", MAC, 'username = "joe"']) expect(settings).toContain(part);
    const compared = await run("qemu-img", ["compare", "-f", "raw", "-F", "qcow2", rawDisk, join(folder, "box.img")]);
    expect(compared.stdout).toBe("Images are identical.\n");
  });

  it("for VirtualBox holds a description that virt-v2v reads, with a SATA disk", async () => {
    const { folder, disk } = await pack("vagrant-vbox", {});
    expect((await readdir(folder)).sort()).toEqual(["Vagrantfile", "box.ovf", "metadata.json", disk].sort());
    expect(await json(join(folder, "metadata.json"))).toEqual({ provider: "virtualbox" });
    expect(await readFile(join(folder, "Vagrantfile"), "utf8")).toContain('base_mac = "525400123456"');
    const env = { ...process.env, LIBGUESTFS_BACKEND: "direct" };
    const { stdout, stderr, status } = await run("virt-v2v", ["-i", "ova", folder, "--print-source"], env);
    expect({ status, stderr: status === 0 ? "" : stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout).toMatch(/memory: 3221225472/);
    expect(stdout).toMatch(/nr vCPUs: 3/);
  });
});
