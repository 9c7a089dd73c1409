/**
 * Boots every format that one build makes, from the disk controller and with the network card that its hypervisor gives it, as
 * far as qemu has them, by BIOS and by UEFI. What the machine itself sees of them becomes a table in build/reports/formats.md.
 */
import { appendFile, mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { bootMachine, type CONTROLLERS } from "../fixtures/booted-machine.ts";
import { openWorkshop, type Workshop } from "../fixtures/built-machine.ts";
import { run, vmbuilder } from "../fixtures/vmbuilder.ts";

type Case = readonly [
  file: string,
  driver: string,
  controller: keyof typeof CONTROLLERS,
  card: string,
  firmware: "bios" | "uefi",
];

const CASES: readonly Case[] = [
  ["web.vmdk", "vmdk", "nvme", "vmxnet3", "uefi"],
  ["ova/web-stream.vmdk", "vmdk", "lsi-53c895a", "e1000", "bios"],
  ["web.vdi", "vdi", "sata", "virtio-net-pci", "uefi"],
  ["web.vhdx", "vhdx", "ide", "e1000", "bios"],
  ["vagrant/box.img", "qcow2", "virtio", "virtio-net-pci", "bios"],
  ["web-fixed.vhd", "vpc", "ide", "e1000", "uefi"],
  ["web-esxi.vmdk", "vmdk", "vmware-pvscsi", "vmxnet3", "bios"],
  ["vagrant/web-stream.vmdk", "vmdk", "sata", "e1000", "bios"],
  ["ova/web-stream.vmdk", "vmdk", "sata", "e1000", "uefi"],
  ["unpacked/web.raw", "raw", "virtio-scsi", "virtio-net-pci", "uefi"],
  ["web.vhd", "vpc", "ide", "e1000", "bios"],
  ["web.vdi", "vdi", "sata", "virtio-net-pci", "bios"],
  ["web.vmdk", "vmdk", "vmware-pvscsi", "vmxnet3", "bios"],
  ["web.vhdx", "vhdx", "virtio-scsi", "e1000", "uefi"],
  ["web-compressed.qcow2", "qcow2", "virtio", "virtio-net-pci", "uefi"],
];

// Debian's OVMF has no driver for pvscsi and LSI's controllers, and Linux finds no disk behind qemu's mptsas1068. qemu has none of Hyper-V's,
// Xen's and LSI's parallel ones of VMware: IDE, virtio, SATA and NVMe, which those hypervisors have or which are like them, stand for them.

/** What the machine says of itself: firmware, the drivers of its disk and of its network card. */
const LOOK = `[ -d /sys/firmware/efi ] && echo uefi || echo bios
disk=$(lsblk -ndo PKNAME "$(findmnt -no SOURCE /)")
path=$(readlink -f "/sys/block/$disk/device")
while [ "$path" != /sys ]; do [ ! -e "$path/driver" ] || driver=$(basename "$(readlink "$path/driver")"); path=$(dirname "$path"); case $driver in sd|pcieport) ;; *) [ -z "$driver" ] || break ;; esac; done
echo "$driver"
card=$(ip -o route show default | sed 's/.* dev \\([^ ]*\\).*/\\1/' | head -n 1)
basename "$(readlink -f "/sys/class/net/$card/device/driver")"`;

let workshop: Workshop;
let machine: string;
const table = join(import.meta.dirname, "../../build/reports/formats.md");

beforeAll(async () => {
  workshop = await openWorkshop();
  machine = await workshop.build(
    "web",
    ...["--hypervisor", "kvm,vmware,esxi,vbox,hyperv,ova,vagrant-libvirt,vagrant-vbox"],
    ...["--format", "raw,raw.zst,vhd,vhd-fixed,qcow2-compressed,vmdk-stream"],
  );
  for (const folder of ["unpacked", "ova", "vagrant"]) await mkdir(join(machine, folder));
  await run("zstd", ["-q", "-d", "--sparse", join(machine, "web.raw.zst"), "-o", join(machine, "unpacked/web.raw")]);
  await run("tar", ["-xf", join(machine, "web.ova"), "-C", join(machine, "ova")]);
  for (const box of ["web-libvirt.box", "web-virtualbox.box"])
    await run("tar", ["-xf", join(machine, box), "-C", join(machine, "vagrant")]);
  await rm(table, { force: true });
  await mkdir(join(table, ".."), { recursive: true });
  await appendFile(
    table,
    "| file | controller | firmware | driver of the disk | of the card | ssh after |\n|---|---|---|---|---|---:|\n",
  );
});
afterAll(() => workshop?.close());

test.for(CASES)("%s as %s boots from %s with %s by %s", async ([file, driver, controller, card, firmware]) => {
  const startedAt = performance.now();
  const booted = await bootMachine({
    image: join(machine, file),
    driver,
    controller,
    card,
    firmware,
    key: workshop.key,
    deadlineMs: 600_000,
  });
  try {
    await booted.waitForSsh();
    const seconds = Math.round((performance.now() - startedAt) / 1000);
    expect(await booted.inside("systemctl is-system-running --wait")).toBe("running");
    const [seenFirmware, disk, seenCard] = (await booted.inside(LOOK)).split("\n");
    expect(seenFirmware).toBe(firmware);
    await appendFile(table, `| \`${file}\` | ${controller} | ${firmware} | ${disk} | ${seenCard} | ${seconds} s |\n`);
  } finally {
    await booted.stop();
  }
});

test("what was converted back and forth is the same disk", async () => {
  const raw = join(machine, "web.raw");
  for (const [file, driver] of new Map(CASES.map(([name, format]) => [name, format]))) {
    const { status, stdout } = await run("qemu-img", ["compare", "-f", "raw", "-F", driver, raw, join(machine, file)]);
    expect(`${file}: ${status} ${stdout}`).toBe(`${file}: 0 Images are identical.\n`);
  }
  const back = join(workshop.directory, "back");
  expect(await vmbuilder(["convert", join(machine, "web.ova"), "--format", "raw", "--dest", back])).toMatchObject({
    status: 0,
  });
  expect(await readdir(back)).toEqual(["web.raw"]);
  expect(await run("cmp", [raw, join(back, "web.raw")])).toMatchObject({ status: 0 });
});
