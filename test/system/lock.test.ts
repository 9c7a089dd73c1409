import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openCache } from "../../src/core/cache.ts";
import { withContext } from "../../src/core/work-directory.ts";
import { guestSourceFiles } from "../../src/distros/packagers/apt/guest-sources.ts";
import { formatLockFile } from "../../src/model/lock-file.ts";
import type { Lock } from "../../src/model/package.ts";
import type { PackageRequest } from "../../src/model/plan.ts";
import { readLock, writeLock } from "../../src/stages/lock.ts";
import { EVERYTHING, failure, planTest } from "../fixtures/attempt.ts";
import { makeDeb } from "../fixtures/debs.ts";
import { flip, status } from "../fixtures/faults.ts";
import { type Mirror, openMirror, SUITE } from "../fixtures/mirror.ts";
import { fetchAll, localRepository } from "../fixtures/test-cache.ts";
import { vmbuilder } from "../fixtures/vmbuilder.ts";

const PACKAGE = /\/pool\/big\.deb$/;

let mirror: Mirror;
let folder: string;
let path: string;

beforeEach(async () => {
  mirror = await openMirror([
    { name: "base", control: { Priority: "required", Essential: "yes", Depends: "big" } },
    { name: "big", files: { "/usr/share/big": { bytes: Buffer.alloc(200_000, "vmbuilder ") } } },
  ]);
  folder = await mkdtemp(join(tmpdir(), "vmb-lock-"));
  path = join(folder, "r.lock");
});

afterEach(async () => {
  await mirror.close();
  await rm(folder, { recursive: true, force: true });
});

function options() {
  return { cacheDirectory: join(folder, "cache"), signal: new AbortController().signal, emit: () => {} };
}

async function plan(recipe: object = {}, packages: PackageRequest = EVERYTHING) {
  return planTest({ ...mirror.recipe, ...recipe }, packages);
}

async function fetch(lock: Lock, directory = "cache"): Promise<void> {
  const cache = await openCache(join(folder, directory));
  await withContext(
    cache,
    options().signal,
    () => {},
    (context) => fetchAll(lock, context),
  );
}

describe("a lock file", () => {
  test("names every package on a line of its own, and gives back what was chosen", async () => {
    const written = await writeLock(path, await plan(), options());
    const lines = (await readFile(path, "utf8")).split("\n");
    expect(lines.filter((line) => line.startsWith(' {"name":'))).toHaveLength(2);
    expect(await readLock(path, await plan())).toEqual(written);
    expect(written.packages.map(({ name, essential, depends }) => ({ name, essential, depends }))).toEqual([
      { name: "base", essential: true, depends: "big" },
      { name: "big", essential: false, depends: "" },
    ]);
    expect(written.manual).toEqual(["base"]);
    expect(written.epochSeconds).toBe(Math.floor((written.releases?.[0]?.dateMs ?? 0) / 1000));
  });

  test("is the same text when it is made again", async () => {
    await writeLock(path, await plan(), options());
    const first = await readFile(path, "utf8");
    await writeLock(path, await plan(), { ...options(), cacheDirectory: join(folder, "another") });
    expect(await readFile(path, "utf8")).toBe(first);
  });

  test("holds the keys of further repositories, and no path of its host", async () => {
    const now = await plan();
    const keys = await readFile(mirror.key.keyring);
    const further = { name: "web", uri: "https://mirror.example.org/web", suites: ["./"], components: [] };
    const lock = await writeLock(path, now, options());
    const source = { ...further, keyring: mirror.key.keyring, keys: keys.toString("base64") };
    await writeFile(path, formatLockFile({ ...lock, sources: [...lock.sources, source] }, now));
    expect(await readFile(path, "utf8")).not.toContain(mirror.key.keyring);
    const { sources } = await readLock(path, now);
    const files = guestSourceFiles(sources, { file: "debian", keyring: "/k.gpg" });
    expect(files.find((one) => one.path === "/etc/apt/keyrings/web.gpg")).toMatchObject({ content: keys });
  });

  test("that another recipe was locked by is refused, with what differs", async () => {
    await writeLock(path, await plan(), options());
    const packages = { ...EVERYTHING, include: ["nginx"] };
    const stale = await failure(readLock(path, await plan({ components: ["main", "contrib"] }, packages)));
    expect(stale.code).toBe("lock-stale");
    expect(stale.message).toContain("packages: nginx added");
    expect(stale.message).toContain("components: contrib added");
    expect(stale.hint).toContain("--update-lock");
  });

  test.each([
    ["a broken one", (text: string) => text.slice(0, -20)],
    ["one of a later version", (text: string) => text.replace('"vmbuilder-lock": 2', '"vmbuilder-lock": 3')],
    ["one without a hash", (text: string) => text.replace(/"sha256":"[0-9a-f]{64}","size"/, '"sha256":"","size"')],
    [
      "one that leads elsewhere",
      (text: string) => text.replace(/"url":"http:[^"]+big.deb"/, '"url":"ftp://x/big.deb"'),
    ],
    ["one with a path for a name", (text: string) => text.replace('"name":"big"', '"name":"../big"')],
    ["one with another field", (text: string) => text.replace('"name":"big"', '"name":"big","script":"x"')],
  ])("%s is refused", async (_, spoil) => {
    await writeLock(path, await plan(), options());
    await writeFile(path, spoil(await readFile(path, "utf8")));
    const refused = await failure(readLock(path, await plan()));
    expect(refused.code).toBe("lock-invalid");
    expect(refused.message).toContain(path);
  });
});

describe("package files of a lock", () => {
  const asked = { ...EVERYTHING, include: ["mine"] };
  const mine = async (name: string, description: string) => {
    await mkdir(join(folder, name), { recursive: true });
    return makeDeb(join(folder, name), { name: "mine", control: { Description: description, Depends: "big" } });
  };

  test("are known by their hashes wherever they are, and stand in it without a path", async () => {
    const here = await mine("here", "one");
    await writeLock(path, await plan({ addpkg: [here] }, asked), options());
    expect(await readFile(path, "utf8")).not.toContain(folder);
    const there = join(folder, "moved package.deb");
    await rename(here, there);
    const lock = await readLock(path, await plan({ addpkg: [there] }, asked));
    await fetch(lock, "another");
    const [ref] = lock.packages.filter(({ name }) => name === "mine");
    expect(await readFile(join(folder, "another/packages", `${ref?.sha256}.deb`))).toEqual(await readFile(there));
  });

  test("that are added, and aren't the same any more, are refused", async () => {
    await writeLock(path, await plan({ addpkg: [await mine("here", "one")] }, asked), options());
    const stale = await failure(readLock(path, await plan({ addpkg: [await mine("here", "two")] }, asked)));
    expect(stale.code).toBe("lock-stale");
    expect(stale.message).toMatch(/package files: mine 1 \(\w{64}\) added, mine 1 \(\w{64}\) gone/);
  });

  test("that are offered are refused when the chosen one is missing, and only then", async () => {
    await mine("here", "one");
    const offer = async () => plan({ debs: [join(folder, "here")] }, asked);
    await writeLock(path, await offer(), options());
    await makeDeb(join(folder, "here"), { name: "more" });
    await fetch(await readLock(path, await offer()));
    await mine("here", "two");
    const stale = await failure(readLock(path, await offer()));
    expect([stale.code, stale.message]).toEqual(["lock-stale", expect.stringContaining("wants mine_1_all")]);
    expect(stale.hint).toContain("mine.deb");
  });
});

test("a recipe with variables is locked with their values", async () => {
  const { recipe } = await localRepository();
  const file = join(folder, "v.yaml");
  const lines = [
    `suite: ${SUITE}`,
    "arch: amd64",
    "variant: $" + "{kind}",
    `mirror: ${recipe.mirror}`,
    `keyring: ${recipe.keyring}`,
  ];
  await writeFile(file, `${lines.join("\n")}\n`);
  const lock = (...more: string[]) => vmbuilder(["lock", file, "--cache-dir", join(folder, "cache"), "-q", ...more]);
  const refused = await lock();
  expect(refused.stderr).toContain('the variable "kind" is not defined');
  expect(refused.status).toBe(2);
  expect(await lock("--var", "kind=minbase")).toEqual({ status: 0, stdout: "", stderr: "" });
  expect(await readFile(join(folder, "v.lock"), "utf8")).toContain('"vmbuilder-lock": 2');
});

describe("packages of a lock", () => {
  test("come from the cache alone when they are there", async () => {
    const lock = await writeLock(path, await plan(), options());
    await fetch(lock);
    mirror.requests.length = 0;
    await fetch(await readLock(path, await plan()));
    expect(mirror.requests).toEqual([]);
  });

  test("that have gone are missed with what to do, and found at a snapshot", async () => {
    await writeLock(path, await plan(), options());
    mirror.fault(PACKAGE, status(404));
    const gone = await failure(fetch(await readLock(path, await plan())));
    expect(gone.code).toBe("package-missing");
    expect(gone.message).toContain("big_1_all of the lock");
    expect(gone.hint).toContain("--snapshot URL");
    const snapshot = await openMirror([]);
    try {
      mirror.heal();
      await fetch(await readLock(path, await plan()), "other");
      const [big] = (await readLock(path, await plan())).packages.filter(({ name }) => name === "big");
      const bytes = await readFile(join(folder, "other/packages", `${big?.sha256}.deb`));
      snapshot.fault(PACKAGE, (response) => response.end(bytes));
      mirror.fault(PACKAGE, status(404));
      await fetch(await readLock(path, await plan({ snapshot: `${snapshot.url}/` })));
      expect(snapshot.requests.filter((one) => PACKAGE.test(one))).toHaveLength(1);
    } finally {
      await snapshot.close();
    }
  });

  test("with other bytes are refused", async () => {
    const lock = await writeLock(path, await plan(), options());
    mirror.fault(PACKAGE, flip);
    expect((await failure(fetch(lock))).code).toBe("package-corrupt");
  });
});
