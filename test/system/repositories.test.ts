import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { guestSourceFiles } from "../../src/distros/packagers/apt/guest-sources.ts";
import { readPublicKeys } from "../../src/distros/packagers/apt/public-keys.ts";
import { readRepositories } from "../../src/distros/packagers/apt/repositories.ts";
import type { RecipeInput } from "../../src/model/recipe.ts";
import { armorKeys } from "../fixtures/armor.ts";
import { EVERYTHING, failure, planTest, resolveAndFetch } from "../fixtures/attempt.ts";
import { makeDeb } from "../fixtures/debs.ts";
import { indexEntry, type Mirror, openMirror, SUITE } from "../fixtures/mirror.ts";
import { makeSigningKey, type SigningKey } from "../fixtures/signing-key.ts";

const DAY_MS = 24 * 3600 * 1000;

let directory: string;
let archive: Mirror;
let other: Mirror;
let stranger: SigningKey;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "vmb-repos-"));
  archive = await openMirror([{ name: "base", control: { Priority: "required", Essential: "yes" } }]);
  other = await openMirror([
    { name: "extra", control: { Depends: "base" } },
    { name: "task-part", control: { Depends: "extra", Task: "one, two" } },
  ]);
  await mkdir(join(directory, "k"));
  stranger = await makeSigningKey(join(directory, "k"));
});

afterAll(async () => {
  await archive.close();
  await other.close();
  await rm(directory, { recursive: true, force: true });
});

async function attempt(recipe: RecipeInput, include = ["extra"]) {
  const plan = await planTest({ ...archive.recipe, ...recipe }, { ...EVERYTHING, include });
  return resolveAndFetch(plan, join(directory, "cache"));
}

const repository = (more: object = {}) => ({
  name: "other",
  uri: other.url,
  suite: SUITE,
  key: other.key.keyring,
  ...more,
});

describe("a repository", () => {
  test("gives packages whose dependencies the archive has", async () => {
    const lock = await attempt({ repositories: repository() });
    expect(lock.packages.map(({ name, url }) => [name, url.startsWith(other.url)]).sort()).toEqual([
      ["base", false],
      ["extra", true],
    ]);
    expect(lock.sources.filter(({ name }) => name !== undefined)).toEqual([]); // the host's loopback is nothing for a guest
    const again = await attempt({ repositories: repository() });
    expect(again).toEqual(lock);
  });

  test("gives a task's packages, which count as asked for", async () => {
    const lock = await attempt({ repositories: repository() }, ["two^"]);
    expect(lock.packages.map(({ name }) => name).sort()).toEqual(["base", "extra", "task-part"]);
    expect([...lock.manual].sort()).toEqual(["base", "task-part"]);
    expect(await failure(attempt({ repositories: repository() }, ["twos^"]))).toMatchObject({
      code: "package-unknown",
      hint: expect.stringContaining("two^"),
    });
  });

  test("takes a key in armor, among others, by its fingerprint", async () => {
    const key = await armorKeys(directory, stranger.keyring, other.key.keyring);
    const fingerprint = other.key.fingerprint
      .replace(/(.{4})/g, "$1 ")
      .toLowerCase()
      .trim();
    await attempt({ repositories: repository({ key, fingerprint }) });
    const [read] = await readRepositories([
      { ...repository({ key, fingerprint }), trusted: false, "check-valid-until": true },
    ]);
    expect(readPublicKeys(Buffer.from(read?.key as Uint8Array), "it").map((one) => one.fingerprint)).toEqual([
      other.key.fingerprint,
    ]);
    expect(
      readPublicKeys(await readFile(key), key)
        .map((one) => one.fingerprint)
        .sort(),
    ).toEqual([stranger.fingerprint, other.key.fingerprint].sort());
    await attempt({ repositories: repository({ key }) });
  });

  test("takes a key of the host's keyrings by its fingerprint alone", async () => {
    const { key: _, ...rest } = {
      ...repository({ fingerprint: other.key.fingerprint }),
      trusted: false,
      "check-valid-until": true,
    };
    const [found] = await readRepositories([rest], [join(directory, "none"), directory, join(other.key.keyring, "..")]);
    expect(readPublicKeys(Buffer.from(found?.key as Uint8Array), "it")[0]?.fingerprint).toBe(other.key.fingerprint);
    const error = await failure(readRepositories([rest], [join(directory, "none")]));
    expect(error.message).toContain(`no key ${other.key.fingerprint} is on this host`);
  });

  test("may fetch its key from an address, by its fingerprint", async () => {
    const key = other.url.replace("/debian", "/debian/pool/key.gpg");
    const error = await failure(attempt({ repositories: repository({ key }) }));
    expect([error.code, error.message]).toEqual([
      "recipe-invalid",
      expect.stringContaining("nothing says that the key"),
    ]);
    const { fingerprint } = other.key;
    expect((await failure(attempt({ repositories: repository({ key, fingerprint }) }))).code).toBe("package-missing");
    other.serve("/debian/pool/key.gpg", await readFile(stranger.keyring));
    expect((await failure(attempt({ repositories: repository({ key, fingerprint }) }))).message).toContain(
      "does not hold the key",
    );
    other.serve("/debian/pool/key.gpg", await readFile(other.key.keyring));
    await attempt({ repositories: repository({ key, fingerprint }) });
    const remote = { key: "http://keys.example.org/key.gpg", fingerprint };
    expect((await failure(attempt({ repositories: repository(remote) }))).message).toContain("no https: address");
  });

  test.each<[string, () => object, string]>([
    ["no key", () => ({ key: undefined }), "has no key"],
    ["a key file that is missing", () => ({ key: "/nowhere/key.gpg" }), "cannot read /nowhere/key.gpg"],
    ["a key file that is none", () => ({ key: "/etc/hostname" }), "is no file of public keys"],
    ["the wrong fingerprint", () => ({ fingerprint: stranger.fingerprint }), "does not hold the key"],
    ["a key although it is trusted", () => ({ trusted: true }), "has a key too"],
    ["components of a folder", () => ({ suite: "./", components: ["main"] }), "has no components"],
    ["a key that didn't sign", () => ({ key: stranger.keyring }), "NO_PUBKEY"],
    ["a suite that isn't there", () => ({ suite: "potato" }), "has no suite potato"],
    ["a component that isn't there", () => ({ components: ["contrib"] }), "contrib"],
  ])("is refused with %s", async (_, more, message) => {
    const error = await failure(attempt({ repositories: repository(more()) }));
    expect(error.message).toContain(message);
  });

  test("is refused twice under one name", async () => {
    const error = await failure(attempt({ repositories: [repository(), repository()] }));
    expect(error.message).toBe("two repositories are named other");
  });
});

describe("what is asked for by name", () => {
  test("an unsigned repository", async () => {
    const unsigned = await writeFlat({ name: "loose" }, "flat");
    const flat = { name: "flat", uri: unsigned, suite: "./" };
    expect((await failure(attempt({ repositories: { ...flat, key: other.key.keyring } }, ["loose"]))).code).toBe(
      "release-unsigned",
    );
    const lock = await attempt({ repositories: { ...flat, trusted: true } }, ["loose"]);
    expect(lock.packages.map(({ name }) => name).sort()).toEqual(["base", "loose"]);
    // Its hashes count all the same.
    await writeFile(
      join(unsigned, "Packages"),
      (await readFile(join(unsigned, "Packages"), "utf8")).replace("made by a test", "made by another"),
    );
    expect((await failure(attempt({ repositories: { ...flat, name: "again", trusted: true } }, ["loose"]))).code).toBe(
      "index-corrupt",
    );
  });

  test("a repository whose signer nobody knows", async () => {
    await attempt({ repositories: { ...repository(), key: undefined, trusted: true } });
  });

  test("an expired repository", async () => {
    await other.release({ date: new Date(Date.now() - 9 * DAY_MS), validUntil: new Date(Date.now() - DAY_MS) });
    const fresh = join(directory, "cache-expired"); // it is older than what was seen before
    const plan = async (more: object) =>
      planTest({ ...archive.recipe, repositories: repository(more) }, { ...EVERYTHING, include: ["extra"] });
    expect((await failure(resolveAndFetch(await plan({}), fresh))).code).toBe("release-expired");
    await resolveAndFetch(await plan({ "check-valid-until": false }), fresh);
    await other.release();
  });
});

test("a guest gets a file and a keyring of each repository", async () => {
  const { key } = other;
  const common = { uri: "https://m.example.org/d", suites: ["trixie"], components: ["main"] };
  const items = guestSourceFiles(
    [
      { ...common, keyring: "/host.gpg" },
      { ...common, name: "web", keyring: "/host/web.gpg", keys: (await readFile(key.keyring)).toString("base64") },
      { ...common, suites: ["./"], components: [], name: "loose", keyring: "", trusted: true, checkValidUntil: false },
    ],
    { file: "debian", keyring: "/usr/share/keyrings/debian.gpg" },
  );
  const content = new Map(items.map((item) => [item.path, "content" in item ? item.content : item.kind]));
  expect(Object.fromEntries(content)).toEqual({
    "/etc/apt/sources.list.d/debian.sources":
      "Types: deb\nURIs: https://m.example.org/d\nSuites: trixie\nComponents: main\nSigned-By: /usr/share/keyrings/debian.gpg\n",
    "/etc/apt/keyrings": "directory",
    "/etc/apt/keyrings/web.gpg": await readFile(key.keyring),
    "/etc/apt/sources.list.d/web.sources":
      "Types: deb\nURIs: https://m.example.org/d\nSuites: trixie\nComponents: main\nSigned-By: /etc/apt/keyrings/web.gpg\n",
    "/etc/apt/sources.list.d/loose.sources":
      "Types: deb\nURIs: https://m.example.org/d\nSuites: ./\nTrusted: yes\nAllow-Insecure: yes\nCheck-Valid-Until: no\n",
  });
});

/** A folder with a package and its index, which nobody signed. */
async function writeFlat(fake: Parameters<typeof makeDeb>[1], name: string): Promise<string> {
  const folder = join(directory, name);
  await mkdir(folder);
  const deb = await makeDeb(folder, { control: { Depends: "base" }, ...fake });
  const index = await indexEntry(deb, `./${fake.name}.deb`);
  const sha256 = createHash("sha256").update(index).digest("hex");
  await writeFile(join(folder, "Packages"), index);
  const lines = [`Date: ${new Date().toUTCString()}`, "SHA256:", ` ${sha256} ${Buffer.byteLength(index)} Packages`, ""];
  await writeFile(join(folder, "Release"), lines.join("\n"));
  return folder;
}

test("a signature beside the release serves, too", async () => {
  const flat = await writeFlat({ name: "beside" }, "beside");
  const release = await readFile(join(flat, "Release"), "utf8");
  await writeFile(join(flat, "Release.gpg"), await stranger.signBeside(release));
  const lock = await attempt({ repositories: { name: "beside", uri: flat, suite: "./", key: stranger.keyring } }, [
    "beside",
  ]);
  expect(lock.packages.map(({ name }) => name).sort()).toEqual(["base", "beside"]);
  const wrong = { name: "wrong", uri: flat, suite: "./", key: other.key.keyring };
  expect((await failure(attempt({ repositories: wrong }, ["beside"]))).code).toBe("release-untrusted");
});
