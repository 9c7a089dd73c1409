import { createHash, randomBytes } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type BootedMachine, bootMachine } from "../fixtures/booted-machine.ts";
import { openWorkshop, type Workshop } from "../fixtures/built-machine.ts";
import { TEST_CACHE } from "../fixtures/test-cache.ts";
import { vmbuilder } from "../fixtures/vmbuilder.ts";

const BINARY = randomBytes(200_000);
const RECIPE = `
domain: example.org
user: joe
name: Joe Doe
uid: 1234
gid: 1500
groups: [docker, audio]
ssh-user-key: key.pub
ip: 192.168.77.10
ip6: 2001:db8:77::10
gw6: 2001:db8:77::1
interfaces:
  - name: outside
  - name: inside
    ip: 10.99.0.5/24
    routes: [{to: 10.98.0.0/16, via: 10.99.0.1}]
mac: 52:54:00:aa:bb:cc
lang: de_DE.UTF-8
timezone: Europe/Berlin
keymap: de
seedfile: answers
addpkg: [debconf-utils]
exec: script
copy: files
firstboot: [boot-1, boot-2]
firstlogin: login
`;
const FILES = {
  "recipe.yaml": RECIPE,
  answers: "# how mail is delivered\nexim4-config exim4/dc_eximconfig_configtype select local\n",
  script: `#!/bin/sh
{ echo "root: $1, user: $(id -u), first word of the network: $(cut -d: -f1 /proc/net/dev | tail -n 1)"; systemctl start ssh || true; } >/etc/script-said 2>&1
`,
  files: "binary /opt/data/binary 0640 joe:adm\nfolder /srv/folder\nboot-1 /usr/local/sbin/ 0755\n",
  "boot-1":
    "#!/bin/sh\nhostname -f >/etc/boot-1\nsystemctl is-active getty@tty1 ssh >>/etc/boot-1\necho the first speaks\n",
  "boot-2": "#!/bin/sh\necho the second speaks\n",
  login: '#!/bin/sh\nread -r answer\necho "$(id -un) said $answer" >>"$HOME/login"\n',
};

let workshop: Workshop;
let folder: string;
beforeAll(async () => {
  workshop = await openWorkshop();
  folder = workshop.directory;
  await mkdir(join(folder, "folder/inner"), { recursive: true });
  for (const [name, content] of Object.entries(FILES)) await writeFile(join(folder, name), content);
  await writeFile(join(folder, "binary"), BINARY);
  await writeFile(join(folder, "folder/a"), "one");
  await writeFile(join(folder, "folder/inner/b"), "two");
});
afterAll(() => workshop?.close());

describe("a machine made to order, at its first boot", () => {
  let machine: BootedMachine;
  let directory: string;
  beforeAll(async () => {
    directory = await workshop.build("order", join(folder, "recipe.yaml"));
    const startScript = join(directory, "run.sh");
    machine = await bootMachine({ image: join(directory, "order.qcow2"), startScript, key: workshop.key });
    await machine.waitForSsh();
  });
  afterAll(() => machine?.stop());

  test("runs without a failed unit", async () => {
    await machine.inside("systemctl is-system-running --wait");
  });
  test("has its user with the numbers and groups that were asked for", async () => {
    expect(await machine.inside("id -u joe; id -g joe; id -Gn joe | tr ' ' '\\n' | sort | tr '\\n' ' '")).toBe(
      "1234\n1500\nadm audio docker joe sudo",
    );
    expect(await machine.inside("stat -c %u:%g /home/joe /home/joe/.ssh/authorized_keys")).toBe("1234:1500\n1234:1500");
  });
  test("has its fixed address, gateway, name server, domain and hardware address", async () => {
    expect(await machine.inside("hostname -f")).toBe("order.example.org");
    const device = await machine.inside("ip -br -4 address show scope global; ip route show default; ip -br link");
    expect(device).toContain("192.168.77.10/24");
    expect(device).toContain("default via 192.168.77.1 ");
    expect(device).toContain("52:54:00:aa:bb:cc");
    expect(await machine.inside("resolvectl dns; resolvectl domain")).toMatch(/192\.168\.77\.1[\s\S]*example\.org/);
  });
  test("has its IPv6 address, and reaches what the start script shows it there", async () => {
    expect(await machine.inside("ip -br -6 address show scope global")).toContain("2001:db8:77::10/64");
    expect(await machine.inside("ip -6 route show default")).toContain("via 2001:db8:77::1 dev outside");
    await machine.inside("ping -6 -c 1 -W 20 2001:db8:77::1");
  });
  test("has its second interface, by name, with a route", async () => {
    expect(await machine.inside("ip -br -4 address show dev inside")).toContain("10.99.0.5/24");
    expect(await machine.inside("ip route show")).toContain("10.98.0.0/16 via 10.99.0.1 dev inside");
    expect((await machine.inside("ip route show default")).split("\n")).toHaveLength(1);
    await machine.inside("ping -c 1 -W 20 10.99.0.1");
  });
  test("has its locale and time zone", async () => {
    expect(await machine.inside("locale -a")).toContain("de_DE.utf8");
    expect(await machine.inside("cat /etc/timezone; date +%Z; cat /etc/default/locale")).toMatch(
      /^Europe\/Berlin\nCES?T\nLANG=de_DE\.UTF-8$/,
    );
  });
  test("has its keyboard: the key between t and u is a z", async () => {
    await machine.inside("systemctl is-active keyboard-setup");
    expect(await machine.inside("dumpkeys --keys-only -C /dev/tty1 | grep -w 'keycode *21 ='")).toMatch(/= \+?z /);
  });
  test("answers debconf with its seeds", async () => {
    expect(await machine.inside("debconf-get-selections | grep configtype")).toMatch(/select\s+local$/);
  });
  test("was changed by its script, which had no network and could start nothing", async () => {
    const said = await machine.inside("cat /etc/script-said");
    expect(said).toMatch(/^root: \/, user: 0, first word of the network: +lo$/m);
  });
  test("has the files that were copied, with mode and owner", async () => {
    const sum = createHash("sha256").update(BINARY).digest("hex");
    expect(await machine.inside("sha256sum </opt/data/binary")).toContain(sum);
    expect(await machine.inside("stat -c '%a %U:%G' /opt/data/binary /opt/data /usr/local/sbin/boot-1")).toBe(
      "640 joe:adm\n755 root:root\n755 root:root",
    );
    expect(await machine.inside("cat /srv/folder/a /srv/folder/inner/b")).toBe("onetwo");
  });
  test("has run its first-boot scripts before anybody could log in, and kept what they said", async () => {
    expect(await machine.inside("cat /etc/boot-1")).toBe("order.example.org\ninactive\ninactive");
    expect(await machine.inside("cat /var/log/vmbuilder-firstboot.log")).toBe("the first speaks\nthe second speaks");
  });
  test("runs its first-login script once, with a terminal", async () => {
    const login = "printf 'hello\\nexit\\n' | script -qec 'su - joe' /dev/null";
    await machine.inside(login);
    await machine.inside(login.replace("hello", "true"));
    expect(await machine.inside("cat /home/joe/login")).toBe("joe said hello");
  });
  test("is the distribution's own: no file of a package was replaced", async () => {
    expect(await machine.inside("dpkg --verify | grep -v ' c ' || true")).toBe("");
    expect(await machine.inside("test ! -e /etc/rc.local && echo none")).toBe("none");
  });
  test("says no password and writes no seed into its record", async () => {
    expect(await readFile(join(directory, "build.json"), "utf8")).not.toContain("exim4/dc_eximconfig_configtype");
  });
});

describe("a first-boot script that fails", () => {
  let machine: BootedMachine;
  beforeAll(async () => {
    await writeFile(join(folder, "bad"), "#!/bin/sh\necho it went wrong >&2\nexit 3\n");
    await writeFile(join(folder, "never"), "#!/bin/sh\ntouch /etc/never\n");
    const scripts = ["bad", "never"].flatMap((name) => ["--firstboot", join(folder, name)]);
    const directory = await workshop.build("failing", "--user", "joe", "--lock-user", ...scripts);
    machine = await bootMachine({ image: join(directory, "failing.qcow2"), key: workshop.key });
    await machine.waitForSsh();
  });
  afterAll(() => machine?.stop());

  test("is seen at the login prompt, in the log and among the failed units; those behind it don't run", async () => {
    await machine.waitForSerial(/A first-boot script failed: see \/var\/log\/vmbuilder-firstboot\.log/);
    expect(await machine.inside("systemctl --failed --no-legend --plain")).toContain("vmbuilder-firstboot.service");
    expect(await machine.inside("cat /var/log/vmbuilder-firstboot.log")).toBe("it went wrong");
    expect((await machine.ssh("test -e /etc/never")).status).toBe(1);
  });
  test("a locked user has no way in", async () => {
    expect(await machine.inside("passwd -S joe | cut -d' ' -f2; getent shadow joe | cut -d: -f8")).toBe("L\n1");
  });
});

test("a script that fails in the new system ends the build with what it said", async () => {
  await writeFile(join(folder, "wrong"), "#!/bin/sh\necho what it said\nexit 7\n");
  const destination = join(folder, "wrong-vm");
  const args = ["--rootpass", "x", "--exec", join(folder, "wrong"), "--dest", destination];
  const { status, stderr } = await vmbuilder(["build", ...args, "--cache-dir", join(TEST_CACHE, "boot"), "--quiet"]);
  expect(status).toBe(1);
  expect(stderr).toMatch(/the script wrong ended with status 7.*script-failed[\s\S]*what it said/);
});
