import { appendFile, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readSuites } from "../../src/distros/debian/suites.ts";
import { type BootedMachine, bootMachine } from "../fixtures/booted-machine.ts";
import { openWorkshop, type Workshop } from "../fixtures/built-machine.ts";

const REPORT = join(import.meta.dirname, "../../build/reports/suites.md");
const DEADLINE_MS = 15 * 60 * 1000;
/** Suites whose releases carry a date, which a mirror that stands still lets pass: the tests may run on such a one. */
const DATED = ["forky", "sid"];
const WANTED = process.env.SUITES?.split(/[ ,]+/);
/** What isn't in the archive yet, though distro-info-data knows it. */
const today = new Date().toISOString().slice(0, 10);
const suites = (await readSuites()).filter(({ codename, releasedOn }) => isBuilt(codename, releasedOn));

let workshop: Workshop;
beforeAll(async () => {
  workshop = await openWorkshop();
  await mkdir(join(REPORT, ".."), { recursive: true });
  await writeFile(
    REPORT,
    "| suite | kernel | systemd | packages | disk | built, cold | ssh answers after |\n|---|---|---|---|---|---|---|\n",
  );
});
afterAll(() => workshop?.close());

describe.each(suites.map(({ codename }) => codename))("Debian %s", (suite) => {
  let booted: BootedMachine;
  let machine: string;
  let buildSeconds = 0;
  beforeAll(async () => {
    const startedAt = performance.now();
    const dated = DATED.includes(suite) ? ["--mirror-expired"] : [];
    machine = await workshop.build(
      suite,
      "--suite",
      suite,
      "--cpus",
      "2",
      "--user",
      "joe",
      "--ssh-user-key",
      `${workshop.key}.pub`,
      ...dated,
    );
    buildSeconds = (performance.now() - startedAt) / 1000;
    const image = join(machine, `${suite}.qcow2`);
    const startScript = join(machine, "run.sh");
    booted = await bootMachine({ image, startScript, key: workshop.key, deadlineMs: DEADLINE_MS });
    const bootedAt = performance.now();
    await booted.waitForSsh();
    const bootSeconds = (performance.now() - bootedAt) / 1000;
    await booted.inside("systemctl is-system-running --wait || systemctl --failed --no-legend");
    const facts = await booted.inside(
      "uname -r; systemctl --version | awk 'NR == 1 { print $2 }'; dpkg-query -W | wc -l; df --output=used -BM / | tail -1",
    );
    const row = [
      suite,
      ...facts.split("\n").map((line) => line.trim()),
      `${buildSeconds.toFixed(0)} s`,
      `${bootSeconds.toFixed(0)} s`,
    ];
    await appendFile(REPORT, `| ${row.join(" | ")} |\n`);
  });
  afterAll(() => booted?.stop());

  test("runs without a failed unit", async () => {
    expect(await booted.inside("systemctl is-system-running")).toBe("running");
  });
  test("is that suite", async () => {
    expect(await booted.inside(". /etc/os-release && echo $ID")).toBe("debian");
    expect(await booted.inside("cat /etc/apt/sources.list.d/*")).toMatch(new RegExp(`^Suites: ${suite}\\b`, "m"));
  });
  test("has all packages configured and whole", async () => {
    expect(await booted.inside("dpkg --audit; dpkg --verify | grep -v '^..5...... c /etc/' || true")).toBe("");
    expect(await booted.inside("apt-get check -qq")).toBe("");
    expect(await booted.inside("find / -xdev \\( -nouser -o -nogroup \\) | head -3")).toBe("");
  });
  test("has a /usr that holds all programs", async () => {
    expect(await booted.inside("readlink /bin /lib /sbin")).toBe("usr/bin\nusr/lib\nusr/sbin");
  });
  test("has grown to its disk, swaps, and mounts by UUID", async () => {
    expect(Number(await booted.inside("df --output=size -B1 / | tail -1"))).toBeGreaterThan(3.8e9);
    expect(await booted.inside("swapon --noheadings --show=SIZE")).toBe("1024M");
    expect(await booted.inside("findmnt -no FSTYPE /")).toBe("ext4");
  });
  test("has its network, its names and its user", async () => {
    expect(await booted.inside("hostname")).toBe(suite);
    expect(await booted.inside("ip -4 -o addr show scope global | wc -l")).toBe("1");
    expect(await booted.inside("test -s /etc/resolv.conf && grep -c ^nameserver /etc/resolv.conf")).not.toBe("0");
    expect(await booted.inside("su -s /bin/sh joe -c 'sudo -n id -u'")).toBe("0");
  });
  test("boots what its own update-grub and update-initramfs write", async () => {
    await booted.inside("update-initramfs -u && update-grub");
    expect(await booted.inside("lsinitramfs /boot/initrd.img-$(uname -r) | grep -c virtio_blk")).not.toBe("0");
    expect(await booted.inside("grub-script-check /boot/grub/grub.cfg && echo good")).toBe("good");
  });
  test("shows a login prompt on its serial line", () => booted.waitForSerial(new RegExp(`^${suite} login: `, "m")));
});

function isBuilt(codename: string, releasedOn: string | undefined): boolean {
  if (WANTED) return WANTED.includes(codename);
  return (releasedOn !== undefined && releasedOn <= today) || DATED.includes(codename);
}
