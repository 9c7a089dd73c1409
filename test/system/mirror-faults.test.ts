import { mkdtemp, readdir, readFile, rm, truncate as truncateFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { run } from "../../src/system/process.ts";
import {
  cachedFiles,
  EVERYTHING,
  failure,
  planTest,
  resolveAndFetch,
  withFolder,
  workOf,
} from "../fixtures/attempt.ts";
import {
  drip,
  drop,
  enlarge,
  type Fault,
  flip,
  hangUp,
  portal,
  redirect,
  stall,
  status,
  truncate,
} from "../fixtures/faults.ts";
import { INDEX_PATH, type Mirror, openMirror, RELEASE_PATH, type ReleaseOptions } from "../fixtures/mirror.ts";
import { freePort } from "../fixtures/ports.ts";
import { makeSigningKey } from "../fixtures/signing-key.ts";

const DAY_MS = 24 * 3600 * 1000;
/** apt tries an index several times, and waits out each silence. */
const LONGEST_ATTEMPT_MS = 25_000;
const PACKAGE = /\/pool\/big\.deb$/;

let mirror: Mirror;
let cache: string;

beforeEach(async () => {
  process.env.VMBUILDER_STALL_SECONDS = "2";
  mirror = await openMirror([
    { name: "base", control: { Priority: "required", Essential: "yes", Depends: "big" } },
    { name: "big", files: { "/usr/share/big": { bytes: Buffer.alloc(200_000, "vmbuilder ") } } },
  ]);
  cache = await mkdtemp(join(tmpdir(), "vmb-cache-"));
});

afterEach(async () => {
  delete process.env.VMBUILDER_STALL_SECONDS;
  await mirror.close();
  await rm(cache, { recursive: true, force: true });
});

async function attempt(recipe: object = mirror.recipe): Promise<string[]> {
  const plan = await planTest(recipe, EVERYTHING);
  const lock = await resolveAndFetch(plan, cache);
  return lock.packages.map(({ name }) => name).sort();
}

/** Lets the attempt fail, and checks what holds for every fault: in time, with a hint, nothing kept, the next one succeeds. */
async function failsCleanly(recipe: object = mirror.recipe) {
  const startedAt = performance.now();
  const error = await failure(attempt(recipe));
  expect(performance.now() - startedAt).toBeLessThan(LONGEST_ATTEMPT_MS);
  expect(error.message).not.toContain("\n");
  expect(error.hint).toBeTruthy();
  expect(await workOf(cache)).toEqual([]);
  const kept = await cachedFiles(cache);
  expect(kept.filter((path) => path.endsWith(".part") || path.endsWith(".tmp"))).toEqual([]);
  return { error, kept };
}

async function succeedsNow(): Promise<void> {
  mirror.heal();
  await mirror.release();
  expect(await attempt()).toEqual(["base", "big"]);
  expect(await workOf(cache)).toEqual([]);
}

test("an honest mirror serves", async () => {
  expect(await attempt()).toEqual(["base", "big"]);
});

describe("the release file", () => {
  test.each<[string, Fault, string]>([
    ["hangs up", hangUp, "mirror-unreachable"],
    ["says nothing", stall, "mirror-stalled"],
    ["drips", drip, "mirror-stalled"],
    ["breaks off", drop, "mirror-unreachable"],
    ["is cut short", truncate, "release-unsigned"],
    ["is a log-in page", portal, "mirror-not-a-repository"],
    ["is empty", (response) => response.end(), "mirror-not-a-repository"],
    ["is not there", status(404), "mirror-not-a-repository"],
    ["is forbidden", status(403), "mirror-unreachable"],
    ["meets a server error", status(500), "mirror-unreachable"],
    ["redirects to a file", redirect(() => "file:///etc/passwd"), "redirect-refused"],
    ["redirects in a circle", redirect((url) => url), "redirect-refused"],
    ["redirects with a line end, which is no HTTP", redirect(() => "/x\rSet-Cookie: a=b"), "mirror-unreachable"],
    ["redirects to nowhere", redirect(() => "http://"), "redirect-refused"],
  ])("%s", async (_, fault, code) => {
    mirror.fault(RELEASE_PATH, fault);
    const { error, kept } = await failsCleanly();
    expect(error.code).toBe(code);
    expect(error.message).toContain(mirror.url);
    expect(kept).toEqual([]);
    await succeedsNow();
  });

  test("comes from a port that nobody listens on", async () => {
    const port = await freePort();
    const { error, kept } = await failsCleanly({ ...mirror.recipe, mirror: `http://127.0.0.1:${port}/debian` });
    expect(error.code).toBe("mirror-unreachable");
    expect(error.message).toContain(`127.0.0.1:${port}`);
    expect(kept).toEqual([]);
  });

  test("comes from a host without a name", async () => {
    const { error } = await failsCleanly({ ...mirror.recipe, mirror: "http://mirror.invalid/debian" });
    expect(error.code).toBe("mirror-unreachable");
    expect(error.message).toContain("mirror.invalid");
  });

  test("never ends", async () => {
    mirror.fault(RELEASE_PATH, (response) => {
      const more = () => response.write(Buffer.alloc(1024 * 1024, "\n"), (error) => error ?? more());
      more();
    });
    const { error } = await failsCleanly();
    expect(error.message).toContain("is larger than");
    await succeedsNow();
  });
});

describe("a signature", () => {
  const cases: [string, ReleaseOptions, string][] = [
    ["is missing", { spoil: (_, plain) => plain }, "release-unsigned"],
    ["is stripped", { spoil: (signed) => signed.replace(/-----BEGIN PGP SIGNATURE[\s\S]*/, "") }, "release-unsigned"],
    ["is of another text", { spoil: (signed) => signed.replace("Label: Test", "Label: Best") }, "release-untrusted"],
    [
      "is garbage",
      { spoil: (signed) => signed.replace(/(SIGNATURE-----\n\n)[\s\S]*?\n-----END/, "$1AAAA\n-----END") },
      "release-untrusted",
    ],
  ];
  test.each(cases)("%s", async (_, options, code) => {
    await mirror.release(options);
    const { error, kept } = await failsCleanly();
    expect(error.code).toBe(code);
    expect(error.message).toContain(mirror.url);
    expect(kept).toEqual([]);
    await succeedsNow();
  });

  test.each(["good", "expired", "revoked"] as const)("is by a %s key that must not be trusted", async (state) => {
    await withFolder(async (directory) => {
      const key = await makeSigningKey(directory, state);
      await mirror.release({ key });
      const keyring = state === "good" ? mirror.key.keyring : key.keyring;
      const { error, kept } = await failsCleanly({ ...mirror.recipe, keyring });
      expect(error.code).toBe("release-untrusted");
      expect(error.message).toContain(mirror.url);
      expect(`${error.message} ${error.hint} ${error.detail}`).toContain(key.fingerprint.slice(-16));
      expect(kept).toEqual([]);
      await run(["gpgconf", "--homedir", join(directory, "gnupg"), "--kill", "gpg-agent"]);
    });
    await succeedsNow();
  });

  test("cannot be checked, since the verifier dies", async () => {
    await withFolder(async (directory) => {
      const keyring = join(directory, "broken.gpg");
      await writeFile(keyring, "this is no keyring");
      const { error, kept } = await failsCleanly({ ...mirror.recipe, keyring });
      expect(error.code).toBe("release-untrusted");
      expect(kept).toEqual([]);
    });
    await succeedsNow();
  });

  test("needs a keyring that exists", async () => {
    const { error } = await failsCleanly({ ...mirror.recipe, keyring: "/nonexistent/keyring.gpg" });
    expect(error.code).toBe("file-unreadable");
    expect(error.message).toContain("/nonexistent/keyring.gpg");
  });
});

describe("a date", () => {
  test("after which the release is void has passed", async () => {
    await mirror.release({ date: new Date(Date.now() - 10 * DAY_MS), validUntil: new Date(Date.now() - 3 * DAY_MS) });
    const { error, kept } = await failsCleanly();
    expect(error.code).toBe("release-expired");
    expect(error.message).toContain("3 days ago");
    expect(kept).toEqual([]);
    expect(await attempt({ ...mirror.recipe, "mirror-expired": true })).toEqual(["base", "big"]);
    await succeedsNow();
  });

  test("has not come yet", async () => {
    await mirror.release({ date: new Date(Date.now() + 2 * DAY_MS) });
    const { error, kept } = await failsCleanly();
    expect(error.code).toBe("release-future");
    expect(error.hint).toContain("clock");
    expect(kept).toEqual([]);
    await succeedsNow();
  });

  test("went back in time", async () => {
    await attempt();
    await mirror.release({ date: new Date(Date.now() - DAY_MS) });
    const { error } = await failsCleanly();
    expect(error.code).toBe("release-older");
    await succeedsNow();
  });

  test("that was remembered is damaged", async () => {
    await attempt();
    await writeFile(join(cache, "releases.json"), '{"http://mirror.exam');
    expect(await attempt()).toEqual(["base", "big"]);
    await mirror.release({ date: new Date(Date.now() - DAY_MS) });
    expect((await failure(attempt())).code).toBe("release-older");
  });

  test("that only a forger signed is not remembered", async () => {
    await withFolder(async (directory) => {
      const key = await makeSigningKey(directory);
      await mirror.release({ key, date: new Date(Date.now() + 60_000) });
      expect((await failsCleanly()).error.code).toBe("release-untrusted");
      await run(["gpgconf", "--homedir", join(directory, "gnupg"), "--kill", "gpg-agent"]);
    });
    await succeedsNow();
  });
});

describe("the index", () => {
  test.each<[string, Fault, readonly string[]]>([
    ["hangs up", hangUp, ["mirror-unreachable"]],
    ["says nothing", stall, ["mirror-stalled", "mirror-unreachable"]],
    ["breaks off", drop, ["mirror-unreachable", "index-corrupt"]],
    ["is cut short", truncate, ["index-corrupt"]],
    ["has a wrong bit", flip, ["index-corrupt"]],
    ["is too large", enlarge, ["index-corrupt"]],
    ["is a log-in page", portal, ["index-corrupt"]],
    ["is not there", status(404), ["index-corrupt", "mirror-not-a-repository"]],
    ["meets a server error", status(500), ["mirror-unreachable"]],
  ])("%s", async (_, fault, codes) => {
    mirror.fault(new RegExp(`^${INDEX_PATH}|by-hash`), fault);
    const { error, kept } = await failsCleanly();
    expect(codes).toContain(error.code);
    expect(error.message).toContain(mirror.url);
    expect(kept).toEqual([]);
    await succeedsNow();
  });

  test("is always older than the next look at the release: one more try, then the change is named", async () => {
    let asked = 0;
    mirror.fault(RELEASE_PATH, (response, content) => {
      void mirror.release({ date: new Date(Date.now() + ++asked * 1000) }).then(() => response.end(content));
    });
    const { error, kept } = await failsCleanly();
    expect(error.code).toBe("mirror-changed");
    expect(error.message).toContain(mirror.url);
    expect(asked).toBe(4);
    expect(kept).toEqual([]);
    mirror.heal();
    await mirror.release({ date: new Date(Date.now() + 60_000) });
    expect(await attempt()).toEqual(["base", "big"]);
  });

  test("changes once: the second try succeeds by itself", async () => {
    let asked = 0;
    mirror.fault(RELEASE_PATH, (response, content) => {
      const change = asked++ === 0 ? mirror.release({ date: new Date(Date.now() + 60_000) }) : Promise.resolve();
      void change.then(() => response.end(content));
    });
    expect(await attempt()).toEqual(["base", "big"]);
    expect(asked).toBe(4); // ours and apt's, twice
    expect(await workOf(cache)).toEqual([]);
  });
});

describe("a package", () => {
  test.each<[string, Fault, string]>([
    ["hangs up", hangUp, "mirror-unreachable"],
    ["says nothing", stall, "mirror-stalled"],
    ["drips", drip, "mirror-stalled"],
    ["breaks off", drop, "mirror-unreachable"],
    ["is cut short", truncate, "package-corrupt"],
    ["has a wrong bit", flip, "package-corrupt"],
    ["is too large", enlarge, "package-corrupt"],
    ["is a log-in page", portal, "package-corrupt"],
    ["is not there", status(404), "package-missing"],
    ["meets a server error", status(503), "mirror-unreachable"],
    ["redirects to a file", redirect(() => "file:///etc/passwd"), "redirect-refused"],
    ["redirects in a circle", redirect((url) => url), "redirect-refused"],
  ])("%s", async (_, fault, code) => {
    mirror.fault(PACKAGE, fault);
    const { error, kept } = await failsCleanly();
    expect(error.code).toBe(code);
    expect(error.message).toContain(`${mirror.url}/pool/big.deb`);
    expect(kept.filter((path) => path.startsWith("packages/")).length).toBeLessThan(2);
    await succeedsNow();
  });

  test("breaks off once: the next try gets it", async () => {
    let asked = 0;
    mirror.fault(PACKAGE, (response, content, request) =>
      asked++ === 0 ? drop(response, content, request) : response.end(content),
    );
    expect(await attempt()).toEqual(["base", "big"]);
  });

  test("comes by an honest redirect", async () => {
    mirror.fault(
      PACKAGE,
      redirect(() => "/debian/pool/base.deb"),
    );
    expect((await failsCleanly()).error.code).toBe("package-corrupt"); // followed, and its hash is another's
    await succeedsNow();
  });

  test("is waited for until the caller gives up", async () => {
    process.env.VMBUILDER_STALL_SECONDS = "60";
    mirror.fault(PACKAGE, stall);
    const stop = new AbortController();
    const plan = await planTest(mirror.recipe, EVERYTHING);
    const waiting = resolveAndFetch(plan, cache, { signal: stop.signal });
    setTimeout(() => stop.abort(new Error("enough")), 1500);
    const startedAt = performance.now();
    await expect(waiting).rejects.toThrow("enough");
    expect(performance.now() - startedAt).toBeLessThan(5000);
    expect(await workOf(cache)).toEqual([]);
    expect((await cachedFiles(cache)).filter((path) => path.endsWith(".part"))).toEqual([]);
    await succeedsNow();
  });
});

describe("the cache", () => {
  const damage: [string, (path: string) => Promise<void>][] = [
    ["cut short", (path) => truncateFile(path, 100)],
    ["emptied", (path) => truncateFile(path, 0)],
    ["altered", flipFile],
  ];

  test.each(damage)("holds a package that was %s: it is fetched anew", async (_, spoil) => {
    await attempt();
    for (const name of await readdir(join(cache, "packages"))) await spoil(join(cache, "packages", name));
    mirror.requests.length = 0;
    expect(await attempt()).toEqual(["base", "big"]);
    expect(mirror.requests.filter((path) => path.endsWith(".deb")).length).toBe(2);
    mirror.requests.length = 0;
    await attempt();
    expect(mirror.requests.filter((path) => path.endsWith(".deb"))).toEqual([]);
  });

  test.each(damage)("holds answers and indices that were %s: they are made anew", async (_, spoil) => {
    await attempt();
    for (const path of await cachedFiles(cache)) if (path.startsWith("objects/")) await spoil(join(cache, path));
    expect(await attempt()).toEqual(["base", "big"]);
    expect(await workOf(cache)).toEqual([]);
  });

  test("cannot be written: said so, with its path", async () => {
    await attempt();
    await asReaderOnly(cache, async (error) => {
      expect(error.code).toBe("path-unusable");
      expect(error.message).toContain(cache);
    });
  });

  test("is a file", async () => {
    const file = join(cache, "file");
    await writeFile(file, "");
    const plan = await planTest(mirror.recipe, EVERYTHING);
    const error = await failure(resolveAndFetch(plan, file));
    expect(error.code).toBe("usage");
    expect(error.message).toContain(file);
    expect(error.hint).toContain("--cache-dir");
  });

  test("serves two builds at once, which agree", async () => {
    const plan = await planTest(mirror.recipe, EVERYTHING);
    const locks = await Promise.all(Array.from({ length: 4 }, () => resolveAndFetch(plan, cache)));
    for (const lock of locks) expect(lock).toEqual(locks[0]);
    expect(await workOf(cache)).toEqual([]);
    expect((await cachedFiles(cache)).filter((path) => path.endsWith(".part"))).toEqual([]);
  });
});

async function flipFile(path: string): Promise<void> {
  const bytes = await readFile(path);
  if (bytes.length === 0) return;
  const middle = bytes.length >> 1;
  bytes.writeUInt8(bytes.readUInt8(middle) ^ 1, middle);
  await writeFile(path, bytes);
}

/** Root may write everywhere, so the cache is seen through a mount that even root cannot write. */
async function asReaderOnly(directory: string, check: (error: { code: string; message: string }) => Promise<void>) {
  const script = join(import.meta.dirname, "../fixtures/resolve.ts");
  const recipe = JSON.stringify(mirror.recipe);
  const mounted = 'mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" && shift && exec "$@"';
  const argv = ["sh", "-c", mounted, "sh", directory, process.execPath, script, recipe, directory];
  const { stdout } = await run(["unshare", "--user", "--map-root-user", "--mount", ...argv], { okStatuses: [1] });
  await check(JSON.parse(stdout) as { code: string; message: string });
}
