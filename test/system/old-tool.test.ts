import { mkdir, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { builtCache, exists, makeBuildFolder } from "../fixtures/built-cache.ts";
import { type GuestDisk, openGuestDisk } from "../fixtures/guest-disk.ts";
import { type CliResult, run } from "../fixtures/vmbuilder.ts";

const BIN = join(import.meta.dirname, "../../bin");

let folder: string;
let cache: string;
/** Options that lead to the tests' own repository; sizes and names are each test's own. */
let source: string[];
beforeAll(async () => {
  const built = await builtCache();
  folder = await makeBuildFolder("vmb-old-");
  cache = join(folder, "cache");
  await built.copyTo(cache, "tree");
  const at = (name: string) => built.options.slice(built.options.indexOf(name)).slice(0, 2);
  source = ["--suite", "--arch", "--variant", "--mirror", "--keyring"].flatMap(at);
});
afterAll(async () => {
  if (folder) await rm(folder, { recursive: true, force: true });
});

/** Runs one of the two programs in the test's folder, as a tutorial says it. */
function old(program: "vmbuilder" | "ubuntu-vm-builder", ...args: string[]): Promise<CliResult> {
  return run("env", ["-C", folder, join(BIN, program), ...args], {
    ...process.env,
    VMBUILDER_CACHE_DIR: cache,
    HOME: folder,
    NO_COLOR: "1",
  });
}

describe("a machine by the old command line", () => {
  let made: CliResult;
  let disk: GuestDisk;
  beforeAll(async () => {
    await writeFile(join(folder, "copies"), "note /etc/note\n");
    await writeFile(join(folder, "note"), "a note\n");
    await writeFile(join(folder, "script"), '#!/bin/sh\necho "root is $1" >"$1/etc/said"\n');
    await writeFile(join(folder, "boot"), "#!/bin/sh\ntrue\n");
    await writeFile(join(folder, "login"), "#!/bin/sh\ntrue\n");
    const general = ["--destdir", "web-vm", "-m", "256", "--cpus", "2", "--tmpfs", "-", "--manifest", "packages", "-q"];
    const sizes = ["--rootsize", "2048", "--swapsize", "128"];
    const users = [
      "--user",
      "joe",
      "--name",
      "Joe Doe",
      "--pass",
      "p",
      "--rootpass",
      "r",
      "--uid",
      "1234",
      "--gid",
      "1500",
    ];
    const network = [
      "--ip",
      "192.168.0.100",
      "--mask",
      "255.255.255.0",
      "--net",
      "192.168.0.0",
      "--bcast",
      "192.168.0.255",
    ];
    const more = [
      "--gw",
      "192.168.0.254",
      "--dns",
      "192.168.0.253",
      "--domain",
      "example.org",
      "--mac",
      "52:54:00:00:00:01",
    ];
    const scripts = ["--copy", "copies", "--execscript", "script", "--firstboot", "boot", "--firstlogin", "login"];
    const senseless = ["--templates", "x", "--xen-kernel", "x"];
    const args = [...source, ...general, ...sizes, ...users, ...network, ...more, ...scripts, ...senseless];
    made = await old("vmbuilder", "kvm", "debian", "--hostname", "web", "--timezone", "Europe/Berlin", ...args);
    disk = await openGuestDisk(join(folder, "web-vm/web.qcow2"));
  });
  afterAll(() => disk?.close());

  it("says a line for each option without sense, and nothing else", () => {
    expect(made.status).toBe(0);
    expect(made.stdout).toBe("");
    const lines = made.stderr.trimEnd().split("\n");
    expect(lines).toHaveLength(2);
    expect(lines[0]).toMatch(/^vmbuilder: note: --templates: .*--copy/);
    expect(lines[1]).toMatch(/^vmbuilder: note: --xen-kernel: .*boot loader/);
  });
  it("has the sizes, which were in MB", () => {
    const sizeOf = (number: number) => disk.partitions.find((one) => one.number === number)?.sizeBytes;
    expect([sizeOf(1), sizeOf(2)]).toEqual([2048 * 2 ** 20, 128 * 2 ** 20]);
  });
  it("has its name, domain, time zone", async () => {
    expect(await disk.read("/etc/hostname")).toBe("web\n");
    expect(await disk.read("/etc/hosts")).toContain("web.example.org");
    expect(await disk.read("/etc/timezone")).toBe("Europe/Berlin\n");
  });
  it("has its user and passwords", async () => {
    expect(await disk.read("/etc/passwd")).toContain("joe:x:1234:1500:Joe Doe,,,:/home/joe:");
    expect(await disk.owner("/home/joe")).toBe("1234:1500 0700");
    expect(await disk.read("/etc/shadow")).toMatch(/^root:\$6\$[\s\S]*^joe:\$6\$/m);
  });
  it("has its network", async () => {
    const text = await disk.read("/etc/systemd/network/70-vmbuilder.network");
    for (const part of ["192.168.0.100/24", "192.168.0.254", "192.168.0.253"]) expect(text).toContain(part);
  });
  it("has its files and scripts, and none of the distribution's replaced", async () => {
    expect(await disk.read("/etc/note")).toBe("a note\n");
    expect(await disk.read("/etc/said")).toBe("root is /\n");
    expect(await disk.exists("/usr/local/lib/vmbuilder/firstboot.d/01-boot")).toBe(true);
    expect(await disk.exists("/usr/local/lib/vmbuilder/firstlogin.d/01-login")).toBe(true);
    expect(await disk.exists("/etc/rc.local")).toBe(false);
  });
  it("is started with its memory, processors and hardware address, by virtio", async () => {
    const script = await readFile(join(folder, "web-vm/run.sh"), "utf8");
    for (const part of ["-m 256", "-smp 2", "mac=52:54:00:00:00:01", "if=virtio", "virtio-net-pci"])
      expect(script).toContain(part);
  });
  it("wrote its manifest to the file that was named, too", async () => {
    expect(await readFile(join(folder, "packages"), "utf8")).toBe(
      await readFile(join(folder, "web-vm/manifest"), "utf8"),
    );
  });
  it("was made in memory, and left nothing there", async () => {
    expect(await exists(`/dev/shm/vmbuilder-${process.getuid?.()}`)).toBe(false);
    expect(await readdir(join(cache, "work"))).toEqual([]);
  });
});

describe("a work folder", () => {
  const machine = ["--rootpass", "x", "--swapsize", "0", "-q"];
  const work = () => join(folder, "work");

  /** Mounts a file system in memory with these restrictions over the work folder, for this build alone. */
  async function buildOn(restrictions: string, name: string): Promise<CliResult> {
    await mkdir(work(), { recursive: true });
    const build = [
      join(BIN, "vmbuilder"),
      "kvm",
      "debian",
      ...source,
      ...machine,
      "-t",
      work(),
      "-d",
      join(folder, name),
    ];
    const script =
      'mount -t tmpfs -o "$1" tmpfs "$2" && shift && where=$1 && shift && "$@"; status=$?; ls -A "$where"; exit $status';
    return run("unshare", ["--mount", "sh", "-c", script, "sh", restrictions, work(), ...build], {
      ...process.env,
      VMBUILDER_CACHE_DIR: cache,
      HOME: folder,
    });
  }

  it.skipIf(process.getuid?.() !== 0)("may be mounted nosuid and nodev, and is left empty", async () => {
    expect(await buildOn("nosuid,nodev", "nosuid-vm")).toEqual({ status: 0, stdout: "", stderr: "" });
    expect(await exists(join(folder, "nosuid-vm/vm.qcow2"))).toBe(true);
  });
  it.skipIf(process.getuid?.() !== 0)("that is mounted noexec is refused before anything is made", async () => {
    const { status, stdout, stderr } = await buildOn("noexec", "noexec-vm");
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
    expect(stderr).toContain("is mounted noexec");
    expect(await exists(join(folder, "noexec-vm"))).toBe(false);
  });
  it.each([
    ["--tmp", "none", "--tmp: none does not exist"],
    ["--tmp", "note", "--tmp: note is no folder"],
    ["--tmpfs", "much", '--tmpfs: "much" is no size'],
    ["--tmpfs", "99999G", "--tmpfs wants 99999 GiB"],
    ["--manifest", "cache", "--manifest: cannot write cache: it is a folder"],
    ["--manifest", "none/x", "/none cannot be written to"],
  ])("%s %s is refused in one line", async (option, value, message) => {
    await writeFile(join(folder, "note"), "");
    const { status, stdout, stderr } = await old("vmbuilder", "kvm", "debian", ...source, ...machine, option, value);
    expect(stderr).toContain(message);
    expect({ status: [1, 2].includes(status ?? 0), stdout }).toEqual({ status: true, stdout: "" });
    expect(await exists(join(folder, "vm-trixie-amd64-vm"))).toBe(false);
  });
});

it("--only-chroot makes an archive of the system with its users, owners and files, and no disk", async () => {
  await writeFile(join(folder, "owned"), "owned /etc/owned 0640 joe:adm\n");
  const user = ["--user", "joe", "--pass", "p", "--hostname", "web", "--only-chroot", "-d", "tree", "-q"];
  const made = await old("vmbuilder", "kvm", "debian", ...source, ...user, "--copy", "owned");
  expect(made).toEqual({ status: 0, stdout: "", stderr: "" });
  expect((await readdir(join(folder, "tree"))).sort()).toEqual(["build.json", "manifest", "web.tar.zst"]);
  const archive = join(folder, "tree/web.tar.zst");
  expect((await stat(archive)).mode & 0o777).toBe(0o600); // hashes of passwords are in it
  const { stdout: list } = await run("tar", ["--zstd", "--numeric-owner", "-tvf", archive]);
  for (const line of [/^-rw-r----- 1000\/4 .* \.\/etc\/owned$/m, /^drwx------ 1000\/1000 .* \.\/home\/joe\/$/m])
    expect(list).toMatch(line);
  expect(list).toMatch(/^-rwsr-xr-x 0\/0 .* \.\/usr\/bin\/sudo$/m);
  const { stdout: name } = await run("tar", ["--zstd", "-xOf", archive, "./etc/hostname"]);
  expect(name).toBe("web\n");
  expect(await readdir(join(cache, "work"))).toEqual([]);
});

describe("the program under its other name", () => {
  it("shows how it is called", async () => {
    const { status, stdout } = await old("ubuntu-vm-builder", "--help");
    expect(status).toBe(0);
    expect(stdout).toMatch(/^Usage: ubuntu-vm-builder HYPERVISOR SUITE \[options\]/);
  });
  it("makes machines of Ubuntu", async () => {
    const { stderr } = await old("ubuntu-vm-builder", "kvm", "nosuch", "-n");
    expect(stderr).toMatch(/ubuntu/i);
  });
  it("refuses an unknown hypervisor", async () => {
    const { status, stderr } = await old("ubuntu-vm-builder", "bochs", "noble");
    expect(status).toBe(2);
    expect(stderr).toContain("'bochs' is invalid for argument 'HYPERVISOR'");
  });
});

describe("a configuration file of the old tool", () => {
  const file = () => join(folder, "etc/old.cfg");
  beforeAll(async () => {
    await mkdir(join(folder, "etc"), { recursive: true });
    const general = ["[DEFAULT]", "arch = amd64", "user = joe", "pass = verysecret", "swapsize = 64", "templates = x"];
    const sections = [
      "[debian]",
      "suite = trixie",
      "variant = minbase",
      "copy = copies",
      "[kvm]",
      "mem = 300",
      "cpus = 2",
    ];
    await writeFile(file(), [...general, ...sections, ""].join("\n"));
    await writeFile(join(folder, "etc/copies"), "thing /etc/thing\n");
    await writeFile(join(folder, "etc/thing"), "a thing\n");
  });

  it("makes a machine by -c; the command line beats it, and its files are found beside it", async () => {
    const from = source.slice(source.indexOf("--mirror"));
    const { status, stderr } = await old(
      "vmbuilder",
      "kvm",
      "debian",
      "-c",
      "etc/old.cfg",
      "-m",
      "350",
      "-d",
      "ini-vm",
      "-q",
      ...from,
    );
    expect(stderr).toMatch(/^vmbuilder: note: etc\/old\.cfg:6: templates: .*\n$/);
    expect(status).toBe(0);
    const disk = await openGuestDisk(join(folder, "ini-vm/vm.qcow2"));
    try {
      expect(await disk.read("/etc/thing")).toBe("a thing\n");
      expect(await disk.read("/etc/shadow")).toMatch(/^joe:\$6\$/m);
      expect(disk.partitions.find(({ number }) => number === 2)?.sizeBytes).toBe(64 * 2 ** 20);
    } finally {
      await disk.close();
    }
    expect(await readFile(join(folder, "ini-vm/run.sh"), "utf8")).toMatch(/-m 350 -smp 2/);
  });

  it("becomes a recipe that plans the same machine, without its password", async () => {
    const { status, stdout } = await old("vmbuilder", "import-config", "etc/old.cfg");
    expect(status).toBe(0);
    expect(stdout).not.toContain("verysecret");
    expect(stdout).toContain("# etc/old.cfg:4: pass: not taken over");
    await writeFile(join(folder, "etc/new.yaml"), stdout);
    const plan = async (...args: string[]) => {
      const { stdout: line } = await old("vmbuilder", ...args, "--pass", "x", "-n", "--json");
      return JSON.parse(line) as unknown;
    };
    const byRecipe = await plan("build", "etc/new.yaml");
    expect(byRecipe).toMatchObject({ recipe: { mem: 300, cpus: 2, user: "joe", copy: ["etc/copies"] } });
    expect(byRecipe).toEqual(await plan("kvm", "debian", "-c", "etc/old.cfg"));
  });

  it("in the home folder counts for the old form, and the new one says that it doesn't", async () => {
    await writeFile(join(folder, ".vmbuilder.cfg"), "[kvm]\nmem = 333\n");
    try {
      const args = ["--rootpass", "x", "-n", "--json"];
      const [byOld, byNew] = [
        await old("vmbuilder", "kvm", "debian", ...args),
        await old("vmbuilder", "build", ...args),
      ];
      const memory = ({ stdout }: CliResult) => (JSON.parse(stdout) as { recipe: { mem: number } }).recipe.mem;
      expect([memory(byOld), memory(byNew)]).toEqual([333, 1024]);
      expect(byOld.stderr).toContain(`settings of ${folder}/.vmbuilder.cfg are used`);
      expect(byNew.stderr).toContain(`vmbuilder import-config ${folder}/.vmbuilder.cfg makes a recipe of it`);
    } finally {
      await rm(join(folder, ".vmbuilder.cfg"));
    }
  });

  it.each([
    ["mem = much", 'bad.cfg:2: mem: "much" is no whole number'],
    ["arch = i386", 'bad.cfg:2: arch: "i386" is none of amd64, arm64'],
    ["pass-file = none", "bad.cfg:2: pass-file: cannot read"],
  ])("that says %s is refused with the place", async (line, message) => {
    await writeFile(join(folder, "bad.cfg"), `[DEFAULT]\n${line}\n`);
    const { status, stdout, stderr } = await old("vmbuilder", "import-config", "bad.cfg");
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
    expect(stderr).toContain(message);
  });

  it("that isn't there is refused", async () => {
    const { status, stderr } = await old("vmbuilder", "kvm", "debian", "-c", "none.cfg");
    expect(status).toBe(2);
    expect(stderr).toContain("cannot read none.cfg: there is no such file");
  });
});
