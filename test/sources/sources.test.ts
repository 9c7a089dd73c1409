import { link, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { armorKeys } from "../fixtures/armor.ts";
import { type BootedMachine, bootMachine } from "../fixtures/booted-machine.ts";
import { packageNames } from "../fixtures/built-machine.ts";
import { makeDeb } from "../fixtures/debs.ts";
import { openMirror, writeRepository } from "../fixtures/mirror.ts";
import { makeSigningKey, type SigningKey } from "../fixtures/signing-key.ts";
import { fillPool, TEST_CACHE } from "../fixtures/test-cache.ts";
import { run, VMBUILDER } from "../fixtures/vmbuilder.ts";

const MIRROR = "http://mirror.example.org/debian";
/** What the archive of a folder has, and the medium has not. */
const MORE_PACKAGES = ["openssh-server", "tree"];

let directory: string;
let key: SigningKey;
let sshKey: string;
/** A signed archive in a folder, with all packages. */
let archive: string;
/** A medium with a bootable system, and a folder of .debs with the rest. */
let iso: string;
let debs: string;

beforeAll(async () => {
  await mkdir(TEST_CACHE, { recursive: true });
  directory = await mkdtemp(join(TEST_CACHE, "sources-")); // so that pools can be hard links
  key = await makeSigningKey(await mkdtemp(join(tmpdir(), "vmb-key-")));
  sshKey = join(directory, "key");
  await run("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", sshKey]);
  archive = join(directory, "archive");
  const all = await makeArchive(archive, MORE_PACKAGES);
  const small = await makeArchive(join(directory, "medium"), []);
  iso = join(directory, "medium.iso");
  await must("xorriso", [
    "-as",
    "mkisofs",
    "-quiet",
    "-rock",
    "-volid",
    "TEST",
    "-output",
    iso,
    join(directory, "medium"),
  ]);
  debs = join(directory, "debs");
  await mkdir(debs);
  for (const name of all.filter((one) => !small.includes(one)))
    await link(join(archive, "pool", name), join(debs, name));
});
afterAll(async () => {
  if (key) await run("gpgconf", ["--homedir", join(key.keyring, "../gnupg"), "--kill", "gpg-agent"]);
  if (directory) await rm(directory, { recursive: true, force: true });
});

/** Makes a signed archive of the packages of a bootable system and more; gives the names of its pool's files. */
async function makeArchive(folder: string, more: readonly string[]): Promise<string[]> {
  await mkdir(join(folder, "pool"), { recursive: true });
  const { entries } = await fillPool(join(folder, "pool"), more);
  await writeRepository(folder, entries.join(""), key);
  return readdir(join(folder, "pool"));
}

async function must(program: string, args: readonly string[]): Promise<void> {
  const { status, stderr } = await run(program, args);
  if (status !== 0) throw new Error(`${program}: ${stderr}`);
}

/** Builds with an empty cache; `before` stands in front of the program. */
async function build(hostname: string, args: readonly string[], before: readonly string[] = []): Promise<string> {
  const dest = join(directory, hostname);
  const personal = [
    "--hostname",
    hostname,
    "--variant",
    "minbase",
    "--ssh-key",
    `${sshKey}.pub`,
    "--keyring",
    key.keyring,
  ];
  const places = ["--dest", dest, "--cache-dir", join(directory, `cache-${hostname}`)];
  const [program = "", ...rest] = [...before, VMBUILDER, "build", "--suite", "trixie", ...personal, ...places, ...args];
  await must(program, rest);
  return dest;
}

async function boot(folder: string, hostname: string): Promise<BootedMachine> {
  const machine = await bootMachine({ image: join(folder, `${hostname}.qcow2`), key: sshKey, deadlineMs: 600_000 });
  await machine.waitForSsh();
  expect(await machine.inside("systemctl is-system-running --wait || systemctl --failed --no-legend")).toBe("running");
  const states = "dpkg-query -l | awk '/^[a-z]/ { print $1 }' | sort -u; dpkg --verify | grep -v ' c /etc/' || true";
  expect(await machine.inside(states)).toBe("ii");
  return machine;
}

describe("a machine from an ISO image and a folder of .debs, without any network", () => {
  let machine: BootedMachine;
  let folder: string;
  beforeAll(async () => {
    // an ordinary user's namespaces can't stand in another one of his; nothing answers there either
    const before = process.getuid?.() === 0 ? ["unshare", "--net"] : [];
    const nobody = ["--mirror", MIRROR, "--proxy", "http://127.0.0.1:9"];
    folder = await build("offline", ["--iso", iso, "--debs", debs, "--addpkg", "tree", ...nobody], before);
    machine = await boot(folder, "offline");
  });
  afterAll(() => machine?.stop());

  test("has packages of both", async () => {
    expect(await packageNames(folder)).toEqual(expect.arrayContaining(["linux-image-amd64", "openssh-server", "tree"]));
    expect(await machine.inside("tree --version")).toMatch(/^tree v/);
  });
  test("had none of them from elsewhere", async () => {
    const known = new Set([...(await readdir(debs)), ...(await readdir(join(directory, "medium/pool")))]);
    const fetched = await readdir(join(directory, "cache-offline/packages"));
    expect(fetched.length).toBeGreaterThan(100);
    expect(fetched.filter((name) => !known.has(name))).toEqual([]);
  });
  test("keeps the mirror for its own apt, and nothing of image, folder or proxy", async () => {
    const sources = await machine.inside("cat /etc/apt/sources.list.d/*");
    expect(sources).toContain(`URIs: ${MIRROR}`);
    expect(await machine.inside("grep -rlE 'medium.iso|127.0.0.1:9|sources-' /etc/apt /var/lib/apt || true")).toBe("");
  });
});

describe("a machine from an archive in a folder, a PPA and a repository with a key of its own", () => {
  let machine: BootedMachine;
  let close: () => Promise<void>;
  beforeAll(async () => {
    const service = await openMirror([{ name: "from-ppa", control: { Depends: "tree" } }]);
    const other = await openMirror([{ name: "from-other", files: { "/usr/share/from-other": "its file" } }]);
    close = () => Promise.all([service.close(), other.close()]).then(() => {});
    const host = service.url.replace("/debian", "");
    service.alias("/owner/tools/ubuntu", "/debian");
    const api = "/1.0/~owner/+archive/ubuntu/tools";
    const armor = await readFile(await armorKeys(directory, service.key.keyring), "utf8");
    service.serve(api, Buffer.from(JSON.stringify({ signing_key_fingerprint: service.key.fingerprint })));
    service.serve(`${api}?ws.op=getSigningKeyData`, Buffer.from(JSON.stringify(armor)));
    const mine = await makeDeb(directory, { name: "of-mine", control: { Depends: "from-other" } });
    const recipe = join(directory, "recipe.yaml");
    const repository = {
      name: "other",
      uri: other.url,
      suite: "trixie",
      key: other.key.keyring,
      fingerprint: other.key.fingerprint,
    };
    await writeFile(
      recipe,
      JSON.stringify({ repositories: [repository], addpkg: ["from-ppa", mine], ppa: "owner/tools" }),
    );
    const folder = await build("sources", [recipe, "--mirror", archive, "--ppa-archive", host, "--ppa-api", host]);
    machine = await boot(folder, "sources");
  });
  afterAll(async () => {
    await machine?.stop();
    await close?.();
  });

  test("has the packages of all, and what they need", async () => {
    expect(await machine.inside("dpkg-query -W from-ppa from-other of-mine")).toBe(
      "from-other\t1\nfrom-ppa\t1\nof-mine\t1",
    );
    expect(await machine.inside("tree --version")).toMatch(/^tree v/);
    expect(await machine.inside("cat /usr/share/from-other")).toBe("its file");
    expect((await machine.inside("apt-mark showmanual")).split("\n")).toEqual(
      expect.arrayContaining(["from-ppa", "of-mine"]),
    );
  });
  test("pins the key of the PPA on the host", async () => {
    const keyrings = await readdir(join(directory, "cache-sources/keys"));
    expect(keyrings.filter((name) => name.startsWith("ppa-"))).toEqual([
      expect.stringMatching(/^ppa-owner-tools-[0-9a-f]{16}\.gpg$/),
    ]);
  });
  test("has no source that only the host can reach", async () => {
    expect(await machine.inside("ls /etc/apt/sources.list.d; ls /etc/apt/keyrings 2>/dev/null || true")).toBe(
      "debian.sources",
    );
    expect(await machine.inside("grep -rE '127.0.0.1|file:' /etc/apt || true")).toBe("");
  });
});
