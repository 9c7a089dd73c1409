import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type BootedMachine, bootMachine } from "../fixtures/booted-machine.ts";
import { openWorkshop, packageNames, type Workshop } from "../fixtures/built-machine.ts";
import { ubuntuArchive } from "../fixtures/ubuntu-archive.ts";

const RECIPE = `
distro: ubuntu
suite: noble
arch: amd64
addpkg: [from-universe]
tasks: [some-server]
user: joe
ip: 192.168.77.10
domain: example.org
lang: de_DE.UTF-8
rootsize: 3G
`;

let workshop: Workshop;
let machine: BootedMachine;
let directory: string;
beforeAll(async () => {
  workshop = await openWorkshop();
  const { mirror, keyring } = await ubuntuArchive();
  const recipe = join(workshop.directory, "recipe.yaml");
  await writeFile(recipe, RECIPE);
  directory = await workshop.build(
    "noble",
    recipe,
    "--mirror",
    mirror,
    "--keyring",
    keyring,
    "--ssh-user-key",
    `${workshop.key}.pub`,
  );
  const startScript = join(directory, "run.sh");
  machine = await bootMachine({ image: join(directory, "noble.qcow2"), startScript, key: workshop.key });
  await machine.waitForSsh();
});
afterAll(async () => {
  await machine?.stop();
  await workshop?.close();
});

const inside = (command: string) => machine.inside(command);

describe("a machine from an archive of Ubuntu's shape", () => {
  test("runs without a failed unit, by Ubuntu's kernel packages", async () => {
    expect(await inside("systemctl is-system-running --wait")).toBe("running");
    expect(await inside("dpkg-query -S /boot/vmlinuz-$(uname -r) /lib/modules/$(uname -r)/kernel/fs/ext4")).toMatch(
      /^linux-image-6\.8\.0-1-generic: .*\nlinux-modules-6\.8\.0-1-generic: /,
    );
    expect(await inside(`dpkg-query -W -f '\${db:Status-Abbrev}\\n' | sort -u`)).toBe("ii"); // nor a trigger awaited
  });
  test("has what a minimal Ubuntu has, updates and security updates among it", async () => {
    expect(await packageNames(directory)).toEqual(
      expect.arrayContaining(["ubuntu-minimal", "netplan.io", "from-universe", "of-a-task"]),
    );
    expect(await inside("dpkg-query -W ubuntu-minimal ubuntu-keyring")).toBe(
      "ubuntu-keyring\t2.1\nubuntu-minimal\t1.2",
    );
    expect(await inside("apt-mark showmanual")).toMatch(/^linux-image-virtual$[\s\S]*^of-a-task$/m);
  });
  test("has its fixed address by netplan", async () => {
    expect(await inside("hostname -f")).toBe("noble.example.org");
    expect(await inside("netplan get network.ethernets.card-1-1.addresses")).toContain("192.168.77.10/24");
    expect(await inside("ip -br -4 address show scope global; ip route show default")).toMatch(
      /192\.168\.77\.10\/24[\s\S]*default via 192\.168\.77\.1 /,
    );
    expect(await inside("resolvectl dns; resolvectl domain")).toMatch(/192\.168\.77\.1[\s\S]*example\.org/);
    expect(await inside("stat -c %a /etc/netplan/*; ls /etc/systemd/network")).toBe("600");
  });
  test("keeps Ubuntu's sources and keys for its own apt", async () => {
    const sources = await inside("cat /etc/apt/sources.list.d/ubuntu.sources");
    for (const line of [
      "noble noble-updates",
      "noble-security",
      "main universe",
      "/usr/share/keyrings/ubuntu-archive-keyring.gpg",
    ])
      expect(sources).toContain(line);
    expect(await inside("ls /etc/apt/sources.list.d")).toBe("ubuntu.sources");
  });
  test("boots by a menu of its name, which its own update-grub makes again", async () => {
    expect(await inside("sudo grep -c '^menuentry .Ubuntu' /boot/grub/grub.cfg")).toBe("2");
    await inside("sudo update-grub");
  });
  test("has its locale, and a root that fills its disk", async () => {
    expect(await inside("locale -a")).toContain("de_DE.utf8");
    expect(Number(await inside("df --output=size -B1M / | tail -n 1"))).toBeGreaterThan(2700);
  });
});
