/** Effects of the old tool's options that `old-tool.test.ts` doesn't show, and the list of what is shown where. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { oldOptions } from "../../src/cli/old-option-table.ts";
import { EVERYTHING, planTest, resolveAndFetch } from "../fixtures/attempt.ts";
import { type Mirror, openMirror } from "../fixtures/mirror.ts";
import { type CliResult, run, VMBUILDER } from "../fixtures/vmbuilder.ts";

/** What `vmbuilder --help` of the old tool's last version listed, and what configuration files had. */
const OLD_OPTIONS = [
  ...[
    "config",
    "templates",
    "dest",
    "destdir",
    "overwrite",
    "debug",
    "verbose",
    "quiet",
    "tmp",
    "tmpfs",
    "only-chroot",
  ],
  ...[
    "existing-chroot",
    "chroot-dir",
    "manifest",
    "version",
    "in-place",
    "rootsize",
    "swapsize",
    "optsize",
    "raw",
    "part",
  ],
  ...["suite", "arch", "hostname", "flavour", "kernel-flavour", "variant", "lang", "timezone", "components", "mirror"],
  ...["install-mirror", "security-mirror", "install-security-mirror", "proxy", "ppa", "iso", "debootstrap-tarball"],
  ...["addpkg", "removepkg", "seedfile", "user", "name", "pass", "rootpass", "uid", "gid", "lock-user", "ssh-key"],
  ...["ssh-user-key", "ip", "mask", "net", "bcast", "gw", "dns", "domain", "mac", "bridge", "network", "copy"],
  ...[
    "execscript",
    "firstboot",
    "firstlogin",
    "vbox-disk-format",
    "xen-kernel",
    "xen-ramdisk",
    "libvirt",
    "mem",
    "cpus",
    "ec2",
  ],
];
const ROOT = join(import.meta.dirname, "../..");

let folder: string;
let mirror: Mirror;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "vmb-old-options-"));
  await writeFile(join(folder, "parts"), "root 1500\n/srv 200\n");
  mirror = await openMirror([
    { name: "base", control: { Priority: "required", Essential: "yes", Recommends: "more" } },
    { name: "wanted", control: { Priority: "required" } },
    { name: "unwanted", control: { Priority: "required" } },
  ]);
});
afterAll(async () => {
  await mirror.close();
  await rm(folder, { recursive: true, force: true });
});

function old(...args: string[]): Promise<CliResult> {
  const environment = { ...process.env, VMBUILDER_CACHE_DIR: join(folder, "cache"), HOME: folder, NO_COLOR: "1" };
  return run("env", ["-C", folder, VMBUILDER, "kvm", "debian", "--rootpass", "x", ...args], environment);
}

describe("the old form", () => {
  test.each<[string[], object]>([
    [["--suite", "bookworm", "--arch", "arm64"], { suite: "bookworm", architecture: "arm64" }],
    [["--flavour", "cloud-amd64"], { packages: { include: expect.arrayContaining(["linux-image-cloud-amd64"]) } }],
    [["--kernel-flavour", "rt-amd64"], { packages: { include: expect.arrayContaining(["linux-image-rt-amd64"]) } }],
    [
      ["--optsize", "64"],
      { disk: { partitions: expect.arrayContaining([expect.objectContaining({ sizeSectors: 131072 })]) } },
    ],
    [
      ["--part", "parts"],
      { disk: { partitions: expect.arrayContaining([expect.objectContaining({ sizeSectors: 409600 })]) } },
    ],
    [["--components", "main,contrib"], { recipe: { components: ["main", "contrib"] } }],
    [["--lang", "de_DE.UTF-8"], { settings: { lang: { value: "de_DE.UTF-8", from: "recipe" } } }],
    [["--addpkg", "nginx"], { packages: { include: expect.arrayContaining(["nginx"]) } }],
    [["--removepkg", "sudo"], { packages: { exclude: ["sudo"] } }],
    [["--network", "lan"], { network: { interfaces: [{ attachment: { kind: "network", name: "lan" } }] } }],
    [["--dest", "there", "--debug", "-v"], { destination: expect.stringMatching(/\/there$/) }],
  ])("plans what old options ask for: %j", async (args, expected) => {
    const { status, stdout, stderr } = await old("--suite", "trixie", "--arch", "amd64", ...args, "-n", "--json");
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(JSON.parse(stdout)).toMatchObject(expected);
  });

  test("asks the mirrors that it is told", async () => {
    const url = (name: string) => mirror.url.replace(/debian$/, name);
    const ask = async (...args: string[]) => {
      mirror.requests.length = 0;
      expect(
        (await old("--suite", "trixie", "--arch", "amd64", "--keyring", mirror.key.keyring, "-q", ...args)).status,
      ).not.toBe(0);
      return [...mirror.requests];
    };
    const security = await ask("--mirror", url("m"), "--security-mirror", url("s"));
    expect(security).toContain("/m/dists/trixie/InRelease");
    expect(security).toContain("/s/dists/trixie-security/InRelease");
    const kept = ["--mirror", "http://mirror.invalid/m", "--security-mirror", "http://mirror.invalid/s"];
    const install = await ask(...kept, "--install-mirror", url("im"), "--install-security-mirror", url("is"));
    expect(install).toContain("/im/dists/trixie/InRelease");
    expect(install).toContain("/is/dists/trixie-security/InRelease");
    const proxied = await ask("--mirror", "http://mirror.invalid/debian", "--proxy", new URL(mirror.url).origin);
    expect(proxied).toContain("http://mirror.invalid/debian/dists/trixie/InRelease");
  });

  test("asks the solver for packages less those that --removepkg names", async () => {
    const recipe = { ...mirror.recipe, removepkg: ["unwanted"] };
    const { exclude } = (await planTest(recipe)).packages;
    const lock = await resolveAndFetch(await planTest(recipe, { ...EVERYTHING, exclude }), join(folder, "solver"));
    expect(lock.packages.map(({ name }) => name).sort()).toEqual(["base", "wanted"]);
  });

  test("shows its version", async () => {
    expect(await old("--version")).toMatchObject({ status: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) });
  });
});

test("every option of the old tool stands in the documentation's table, with a test that there is", async () => {
  const text = await readFile(join(ROOT, "docs/old-tool.md"), "utf8");
  const rows = [...text.slice(text.indexOf("## Where each option")).matchAll(/^\| (`--.*`) \| `(\S+)`: (.+) \|$/gm)];
  const shown = new Set<string>();
  for (const [, options = "", file = "", title = ""] of rows) {
    const path = file.startsWith("src/") ? file : file.includes("/") ? `test/${file}` : `test/system/${file}`;
    expect(await readFile(join(ROOT, path), "utf8"), `${file}: ${title}`).toContain(title);
    for (const [name] of options.matchAll(/(?<=--)[a-z0-9-]+/g)) shown.add(name);
  }
  const accepted = oldOptions.map(({ flags }) => /--([a-z0-9-]+)/.exec(flags)?.[1] ?? "");
  const wanted = [...OLD_OPTIONS, ...accepted.filter((name) => !name.startsWith("ec2-"))];
  expect(wanted.filter((name) => !shown.has(name))).toEqual([]);
});
