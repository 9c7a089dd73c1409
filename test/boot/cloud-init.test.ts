import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type BootedMachine, bootMachine } from "../fixtures/booted-machine.ts";
import { openWorkshop, type Workshop } from "../fixtures/built-machine.ts";

const USER_DATA = `#cloud-config
write_files:
  - path: /etc/from-cloud-init
    content: written by cloud-init
runcmd:
  - [sh, -c, "cat /etc/boot-1 >/etc/from-runcmd"]
users:
  - default
  - name: bob
    lock_passwd: true
`;

let workshop: Workshop;
beforeAll(async () => {
  workshop = await openWorkshop();
});
afterAll(() => workshop?.close());

describe("a machine with user data for cloud-init, at its first boot", () => {
  let machine: BootedMachine;
  beforeAll(async () => {
    const file = async (name: string, content: string) => {
      await writeFile(join(workshop.directory, name), content);
      return join(workshop.directory, name);
    };
    const directory = await workshop.build(
      "cloudy",
      ...["--cloud-init", await file("user-data", USER_DATA), "--user", "joe", "--ip", "192.168.78.5"],
      ...["--pass-file", await file("secret", "a secret\n")],
      ...["--firstboot", await file("boot-1", "#!/bin/sh\necho ours >/etc/boot-1\n")],
    );
    const startScript = join(directory, "run.sh");
    machine = await bootMachine({ image: join(directory, "cloudy.qcow2"), startScript, key: workshop.key });
    await machine.waitForSsh();
  });
  afterAll(() => machine?.stop());

  const inside = (command: string) => machine.inside(command);

  test("does what they say, from its own disk alone", async () => {
    expect(await inside("cloud-init status --wait --long")).toMatch(/status: done[\s\S]*DataSourceNoCloud/);
    expect(await inside("cat /etc/from-cloud-init")).toBe("written by cloud-init");
    expect(await inside("id -un bob")).toBe("bob");
  });
  test("runs both, our first-boot scripts and its own commands", async () => {
    expect(await inside("cat /etc/from-runcmd")).toBe("ours");
  });
  test("keeps the recipe's user, keys, host keys, address and locale", async () => {
    expect(await inside("passwd -S joe | cut -d' ' -f2; getent passwd debian || echo none")).toBe("P\nnone");
    expect(await inside("ip -br -4 address show scope global")).toContain("192.168.78.5/24");
    expect(await inside("cat /etc/default/locale; hostname")).toBe("LANG=C.UTF-8\ncloudy");
    expect(
      await inside("journalctl -b -o cat -u vmbuilder-ssh-host-key.service -u ssh.service | grep -c Failed || true"),
    ).toBe("0");
    expect(await inside("ls /etc/network/interfaces.d /etc/netplan 2>/dev/null | grep -c cloud || true")).toBe("0");
  });
  test("hides the user data from others, and has no failed unit", async () => {
    expect(await inside("stat -c '%a %U' /var/lib/cloud/seed/nocloud/user-data")).toBe("600 root");
    await inside("systemctl is-system-running --wait");
  });
});
