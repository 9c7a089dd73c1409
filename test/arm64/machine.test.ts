import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type BootedMachine, bootMachine } from "../fixtures/booted-machine.ts";
import { openWorkshop, type Workshop } from "../fixtures/built-machine.ts";

const DEADLINE_MS = 20 * 60 * 1000;

describe("an arm64 machine", () => {
  let workshop: Workshop;
  let booted: BootedMachine;
  let machine: string;
  beforeAll(async () => {
    workshop = await openWorkshop();
    machine = await workshop.build("arm", "--arch", "arm64", "--cpus", "2", "--user", "joe", "--addpkg", "tree");
    const image = join(machine, "arm.qcow2");
    const startScript = join(machine, "run.sh");
    booted = await bootMachine({ image, startScript, key: workshop.key, deadlineMs: DEADLINE_MS });
    await booted.waitForSsh();
    await booted.inside("systemctl is-system-running --wait || systemctl --failed --no-legend");
  });
  afterAll(async () => {
    await booted?.stop();
    await workshop?.close();
  });

  test("runs without a failed unit, on its own architecture", async () => {
    expect(await booted.inside("systemctl is-system-running")).toBe("running");
    expect(await booted.inside("uname -m")).toBe("aarch64");
    expect(await booted.inside("dpkg --print-architecture")).toBe("arm64");
  });
  test("was started by UEFI from the removable medium's path", async () => {
    const list = "mount /boot/efi && ls /boot/efi/EFI/BOOT && umount /boot/efi"; // it isn't mounted by itself
    expect(await booted.inside(`test -d /sys/firmware/efi && ${list}`)).toBe("BOOTAA64.EFI");
  });
  test("shows a login prompt on its serial line, and only there are its messages", async () => {
    await booted.waitForSerial(/arm login: ?$/m);
    expect(await booted.inside("systemctl is-active serial-getty@ttyAMA0")).toBe("active");
    expect(await booted.inside("cat /proc/cmdline")).toMatch(/ console=tty0 console=ttyAMA0,115200n8$/);
  });
  test("has a disk without a BIOS' partitions, grown to its end", async () => {
    expect(await booted.inside("lsblk -nro NAME /dev/vda | sort")).toBe("vda\nvda1\nvda15\nvda2");
    expect(Number(await booted.inside("df --output=size -B1 / | tail -1"))).toBeGreaterThan(3.8e9);
  });
  test("has all packages configured and whole, and none of another architecture", async () => {
    expect(await booted.inside("dpkg --audit; dpkg --verify | grep -v '^..5...... c /etc/' || true")).toBe("");
    expect(await booted.inside("dpkg-query -l | awk '/^[a-z]/ { print $1, $4 }' | sort -u")).toBe("ii all\nii arm64");
    expect(await readFile(join(machine, "manifest"), "utf8")).toMatch(/^tree \S+ arm64$/m);
    expect(await booted.inside("ls -d /lib64 2>/dev/null || true")).toBe("");
  });
  test("boots what its own update-grub writes", async () => {
    await booted.inside("update-grub");
    expect(await booted.inside("grep -c 'console=ttyAMA0,115200n8' /boot/grub/grub.cfg")).not.toBe("0");
    expect(await booted.inside("grub-script-check /boot/grub/grub.cfg && echo good")).toBe("good");
  });
  test("left nothing of the build behind", async () => {
    expect(await booted.inside("ls -A /.host /usr/sbin/policy-rc.d /usr/bin/qemu-* 2>/dev/null | wc -l")).toBe("0");
    expect(await booted.inside("find / -xdev \\( -nouser -o -nogroup \\) | head -3")).toBe("");
  });
});
