import { access, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type BootedMachine, bootMachine } from "../fixtures/booted-machine.ts";
import { openWorkshop, type Workshop } from "../fixtures/built-machine.ts";
import { TEST_CACHE } from "../fixtures/test-cache.ts";
import { run, vmbuilder } from "../fixtures/vmbuilder.ts";

let workshop: Workshop;
let machine: string;

beforeAll(async () => {
  workshop = await openWorkshop();
  machine = await workshop.build(
    "alpha",
    "--user",
    "joe",
    "--ssh-user-key",
    `${workshop.key}.pub`,
    "--addpkg",
    "openssh-server",
  );
});
afterAll(() => workshop?.close());

describe("a machine with BIOS", () => {
  let booted: BootedMachine;
  beforeAll(async () => {
    await run("qemu-img", ["resize", "-q", "-f", "qcow2", join(machine, "alpha.qcow2"), "+1G"]);
    booted = await bootMachine({ image: join(machine, "alpha.qcow2"), key: workshop.key });
    await booted.waitForSsh();
    await booted.inside("systemctl is-system-running --wait || systemctl --failed --no-legend");
  });
  afterAll(() => booted?.stop());

  test("runs without a failed unit", async () => {
    expect(await booted.inside("systemctl is-system-running")).toBe("running");
  });
  test("shows a login prompt on the serial line and on the screen", async () => {
    await booted.waitForSerial(/alpha login: /); // the kernel may go on in the same line
    expect(await booted.inside("systemctl is-active getty@tty1 serial-getty@ttyS0")).toBe("active\nactive");
  });
  test("has its host name and its user, who may use sudo", async () => {
    expect(await booted.inside("hostname")).toBe("alpha");
    expect(await booted.inside("su -s /bin/sh joe -c 'sudo -n id -u'")).toBe("0");
    const asUser = await run("true", []);
    expect(asUser.status).toBe(0);
  });
  test("lets nobody in by password", async () => {
    const shadow = await booted.inside("cut -d: -f1,2 /etc/shadow");
    for (const line of shadow.split("\n")) expect(line).toMatch(/:[!*]+$/);
    expect(await booted.inside("sshd -T | grep -i '^passwordauthentication'")).toBe("passwordauthentication no");
    expect(await booted.inside("stat -c '%a %U' /root/.ssh /root/.ssh/authorized_keys")).toBe("700 root\n600 root");
    expect(await booted.inside("stat -c '%a %U' /home/joe/.ssh /home/joe/.ssh/authorized_keys")).toBe(
      "700 joe\n600 joe",
    );
  });
  test("has grown to its disk, and swaps", async () => {
    expect(Number(await booted.inside("df --output=size -B1 / | tail -1"))).toBeGreaterThan(4.8e9);
    expect(await booted.inside("swapon --noheadings --show=SIZE")).toBe("1024M");
  });
  test("mounts by UUID", async () => {
    expect(await booted.inside("grep -c '^UUID=' /etc/fstab")).toBe("3");
    expect(await booted.inside("findmnt -no UUID /")).toBe(
      await booted.inside('awk \'$2 == "/" { sub(/UUID=/, "", $1); print $1 }\' /etc/fstab'),
    );
  });
  test("knows its packages to be whole", async () => {
    expect(await booted.inside("dpkg --audit; dpkg --verify | grep -v '^..5...... c /etc/' || true")).toBe("");
    expect(await booted.inside("apt-get check -qq")).toBe("");
  });
  test("installs a package from its sources", async () => {
    await booted.inside("apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y tree >/dev/null");
    expect(await booted.inside("tree --version")).toMatch(/^tree v/);
  });
  test("left nothing of the build behind", async () => {
    expect(await booted.inside("ls -A /.host /usr/sbin/policy-rc.d /tmp/vmbuilder* 2>/dev/null | wc -l")).toBe("0");
    expect(await booted.inside("find / -xdev \\( -nouser -o -nogroup \\) | head -3")).toBe("");
    expect(await booted.inside("wc -c </etc/machine-id")).toBe("33");
  });
});

test("a machine with UEFI, grown by a package from another's disk, runs without a failed unit", async () => {
  const grown = await workshop.build("grown", "--addpkg", "openssh-server", "--addpkg", "tree");
  const { base } = JSON.parse(await readFile(join(grown, "build.json"), "utf8")) as { base: { key: string } };
  await access(join(TEST_CACHE, "boot/objects/disk", base.key, "growth.qcow2")); // it has not been made anew
  const booted = await bootMachine({ image: join(grown, "grown.qcow2"), key: workshop.key, firmware: "uefi" });
  try {
    await booted.waitForSsh();
    expect(await booted.inside("systemctl is-system-running --wait")).toBe("running");
    expect(await booted.inside("test -d /sys/firmware/efi && echo uefi")).toBe("uefi");
    expect(await booted.inside("tree --version")).toMatch(/^tree v/);
    expect(await booted.inside("dpkg --audit; dpkg --verify | grep -v '^..5...... c /etc/' || true")).toBe("");
    expect(await booted.inside("dmesg | grep -c 'EXT4-fs error' || true")).toBe("0");
  } finally {
    await booted.stop();
  }
});

test("two machines of the same packages share no identity", async () => {
  const beta = await workshop.build("beta");
  const clone = join(workshop.directory, "gamma");
  const cloned = await vmbuilder([
    "clone",
    beta,
    "--hostname",
    "gamma",
    "--dest",
    clone,
    "--cache-dir",
    join(TEST_CACHE, "boot"),
  ]);
  expect(cloned).toMatchObject({ status: 0 });
  const seen: string[][] = [];
  for (const image of [join(beta, "beta.qcow2"), join(clone, "gamma.qcow2")]) {
    const booted = await bootMachine({ image, key: workshop.key });
    try {
      await booted.waitForSsh();
      const command =
        "hostname; cat /etc/machine-id; cut -d' ' -f2 /etc/ssh/ssh_host_ed25519_key.pub; findmnt -no UUID,PARTUUID /; blkid -s UUID -o value /dev/vda2; lsblk -dno PTUUID /dev/vda";
      seen.push((await booted.inside(command)).split("\n"));
    } finally {
      await booted.stop();
    }
  }
  const [first = [], second = []] = seen;
  expect(first.length).toBe(6);
  for (const [i, value] of first.entries()) expect(value).not.toBe(second[i]);
});

test("a kernel that is installed again makes an initramfs that boots", async () => {
  const delta = await workshop.build("delta");
  const image = join(delta, "delta.qcow2");
  const first = await bootMachine({ image, key: workshop.key, persistent: true });
  try {
    await first.waitForSsh();
    await first.inside(
      "apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --reinstall linux-image-$(uname -r) >/dev/null && sync",
    );
    expect(await first.inside("find /boot -name 'initrd.img-*' -mmin -10 | wc -l")).toBe("1");
    expect(await first.inside("grep -c 'Written by vmbuilder' /boot/grub/grub.cfg || true")).toBe("0");
    await first.ssh("systemctl poweroff");
    await first.ended();
  } finally {
    await first.stop();
  }
  const again = await bootMachine({ image, key: workshop.key });
  try {
    await again.waitForSsh();
    expect(await again.inside("systemctl is-system-running --wait")).toBe("running");
  } finally {
    await again.stop();
  }
});
