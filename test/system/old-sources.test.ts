/** Effects of the old tool's options for sources and kernels, read in the disk of a machine. */
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { builtCache, makeBuildFolder } from "../fixtures/built-cache.ts";
import { makeDeb } from "../fixtures/debs.ts";
import { type GuestDisk, openGuestDisk } from "../fixtures/guest-disk.ts";
import { indexEntry, type Mirror, openMirror } from "../fixtures/mirror.ts";
import { localRepository } from "../fixtures/test-cache.ts";
import { type CliResult, run, VMBUILDER } from "../fixtures/vmbuilder.ts";

/** Hosts that only the proxy knows. */
const KEPT = { mirror: "http://kept.invalid/debian", security: "http://kept.invalid/security" };
const BUILDS = { mirror: "http://builds.invalid/debian", security: "http://builds.invalid/security" };

let folder: string;
let packages: string;
let mirror: Mirror;
let made: CliResult;
let disk: GuestDisk;
beforeAll(async () => {
  const built = await builtCache();
  folder = await makeBuildFolder("vmb-sources-");
  packages = await mkdtemp(join(tmpdir(), "vmb-sources-"));
  await built.copyTo(join(folder, "cache"), "tree");
  const repository = await localRepository();
  const kernel = /^Package: (linux-image-\d\S+)$/m.exec(repository.index)?.[1] ?? "";
  const flavour = { name: "linux-image-lab-amd64", control: { Architecture: "amd64", Depends: kernel } };
  mirror = await openMirror([flavour], repository);
  const deb = await makeDeb(packages, { name: "from-contrib" });
  mirror.serve("/debian/pool/from-contrib.deb", await readFile(deb));
  await mirror.release({ components: { contrib: await indexEntry(deb, "pool/from-contrib.deb") } });
  for (const address of Object.values(BUILDS)) mirror.alias(address, "/debian");
  made = await run(
    "env",
    [
      ...["-C", folder, VMBUILDER, "kvm", "debian", "--suite", "trixie", "--arch", "amd64", "--variant", "minbase"],
      ...["--hostname", "web", "--rootpass", "x", "--rootsize", "2048", "--swapsize", "0", "--dest", "vm", "-q"],
      ...["--mirror", KEPT.mirror, "--security-mirror", KEPT.security, "--proxy", new URL(mirror.url).origin],
      ...["--install-mirror", BUILDS.mirror, "--install-security-mirror", BUILDS.security],
      ...["--keyring", mirror.key.keyring, "--components", "main,contrib", "--addpkg", "from-contrib"],
      ...["--flavour", "lab-amd64"],
    ],
    { ...process.env, VMBUILDER_CACHE_DIR: join(folder, "cache"), HOME: folder, NO_COLOR: "1" },
  );
  expect(made).toMatchObject({ status: 0, stderr: "" });
  disk = await openGuestDisk(join(folder, "vm/web.qcow2"));
});
afterAll(async () => {
  await disk?.close();
  await mirror?.close();
  for (const directory of [folder, packages]) if (directory) await rm(directory, { recursive: true, force: true });
});

/** Names of what dpkg has installed, with their architectures. */
async function installed(): Promise<Map<string, string>> {
  const text = await disk.read("/var/lib/dpkg/status");
  return new Map(
    text.split("\n\n").flatMap((paragraph) => {
      const field = (name: string) => new RegExp(`^${name}: (.*)$`, "m").exec(paragraph)?.[1];
      return field("Status") === "install ok installed" ? [[field("Package") ?? "", field("Architecture") ?? ""]] : [];
    }),
  );
}

describe("the disk of a machine by the old command line", () => {
  it("has a kernel of the flavour alone", async () => {
    const names = [...(await installed()).keys()].filter((name) => name.startsWith("linux-image-"));
    expect(names.sort()).toEqual([expect.stringMatching(/^linux-image-\d/), "linux-image-lab-amd64"]);
    expect(await readFile(join(folder, "vm/manifest"), "utf8")).toMatch(/^linux-image-lab-amd64 /m);
  });
  it("has packages of the architecture and no other", async () => {
    expect(new Set((await installed()).values())).toEqual(new Set(["amd64", "all"]));
    expect((await disk.list("/boot/grub")).filter((name) => /^(i386-pc|x86_64-efi|arm64-efi)$/.test(name))).toContain(
      "i386-pc",
    );
  });
  it("has a package of the further component, and the component for its own apt", async () => {
    expect((await installed()).get("from-contrib")).toBe("all");
    expect(await disk.read("/etc/apt/sources.list.d/debian.sources")).toMatch(/^Components: main contrib$/m);
  });
  it("keeps the mirrors, and not those that it was built from, nor the proxy", async () => {
    const text = await disk.read("/etc/apt/sources.list.d/debian.sources");
    const stanzas = text.split("\n\n").map((one) => /^URIs: (.*)\nSuites: (.*)$/m.exec(one)?.slice(1).join(" "));
    expect(stanzas).toEqual([`${KEPT.mirror} trixie trixie-updates`, `${KEPT.security} trixie-security`]);
    const settings = await Promise.all(
      (await disk.list("/etc/apt/apt.conf.d")).map((name) => disk.read(`/etc/apt/apt.conf.d/${name}`)),
    );
    expect(settings.join("\n")).not.toMatch(/127\.0\.0\.1|builds\.invalid/);
  });
  it("came through the proxy, from the mirrors for the build alone", async () => {
    expect(mirror.requests).toContain(`${BUILDS.mirror}/dists/trixie/InRelease`);
    expect(mirror.requests).toContain(`${BUILDS.security}/dists/trixie-security/InRelease`);
    expect(mirror.requests).toContain(`${BUILDS.mirror}/pool/from-contrib.deb`);
    expect(mirror.requests.filter((path) => !path.startsWith("http://builds.invalid/"))).toEqual([]);
    expect(await readdir(join(folder, "cache/work"))).toEqual([]);
  });
});
