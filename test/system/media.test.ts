import { mkdtemp, open, readFile, rename, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { RecipeInput } from "../../src/model/recipe.ts";
import { run } from "../../src/system/process.ts";
import { EVERYTHING, failure, planTest, resolveAndFetch } from "../fixtures/attempt.ts";
import { makeIso } from "../fixtures/iso.ts";
import { makeSigningKey, type SigningKey } from "../fixtures/signing-key.ts";

const LONG_NAME = `tool-${"with-a-long-name-".repeat(9)}x`;
const PACKAGES = [
  { name: "base", control: { Priority: "required", Essential: "yes" } },
  { name: "tool", control: { Depends: LONG_NAME } },
  { name: LONG_NAME, files: { "/usr/share/tool": { bytes: Buffer.alloc(100_000, "vmbuilder ") } } },
  ...Array.from({ length: 60 }, (_, i) => ({ name: `t-${i}` })), // a folder of more than a sector
];

let directory: string;
let key: SigningKey;
let iso: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "vmb-iso-"));
  key = await makeSigningKey(directory);
  iso = await makeIso(directory, "medium", PACKAGES, key);
});

afterAll(async () => {
  await run(["gpgconf", "--homedir", join(directory, "gnupg"), "--kill", "gpg-agent"]);
  await rm(directory, { recursive: true, force: true });
});

async function attempt(recipe: RecipeInput) {
  const mirror = "http://mirror.invalid/debian"; // nothing may ask for it
  const plan = await planTest(
    { keyring: key.keyring, mirror, ...recipe },
    { ...EVERYTHING, include: ["tool", "t-42"] },
  );
  return resolveAndFetch(plan, join(directory, "cache"));
}

describe("an installation medium", () => {
  test("is the only source of the build; the machine keeps the mirrors", async () => {
    const lock = await attempt({ iso });
    expect(lock.packages.map(({ name }) => name).sort()).toEqual(["base", "t-42", "tool", LONG_NAME]);
    for (const { sha256, url } of lock.packages) {
      expect(url).toMatch(/^iso:/);
      expect((await readFile(join(directory, "cache/packages", `${sha256}.deb`))).length).toBeGreaterThan(0);
    }
    expect(lock.sources.map(({ uri, suites }) => [uri, ...suites])).toEqual([
      ["http://mirror.invalid/debian", "trixie", "trixie-updates"],
      ["http://mirror.invalid/debian-security", "trixie-security"],
    ]);
  });

  test("may move; its answer is kept, its packages are read from where it is now", async () => {
    const moved = join(directory, "moved # here.iso");
    await rename(iso, moved);
    await rm(join(directory, "cache/packages"), { recursive: true, force: true });
    const lock = await attempt({ iso: moved });
    expect(lock.packages).toHaveLength(4);
    await rename(moved, iso);
  });

  test("is refused unsigned, unless that is asked for", async () => {
    const unsigned = await makeIso(directory, "unsigned", PACKAGES, key, { spoil: (_, plain) => plain });
    const error = await failure(attempt({ iso: unsigned }));
    expect([error.code, error.hint]).toEqual(["release-unsigned", expect.stringContaining("--iso-unsigned")]);
    expect((await attempt({ iso: unsigned, "iso-unsigned": true })).packages).toHaveLength(4);
  });

  test("is refused when another key signed it", async () => {
    const home = await mkdtemp(join(tmpdir(), "vmb-k-"));
    const stranger = await makeSigningKey(home);
    expect((await failure(attempt({ iso, keyring: stranger.keyring }))).code).toBe("release-untrusted");
    await run(["gpgconf", "--homedir", join(home, "gnupg"), "--kill", "gpg-agent"]);
    await rm(home, { recursive: true, force: true });
  });

  test("is refused when a package in it is damaged", async () => {
    const damaged = join(directory, "damaged.iso");
    const bytes = await readFile(iso);
    for (let at = bytes.indexOf("!<arch>"); at !== -1; at = bytes.indexOf("!<arch>", at + 1))
      bytes.fill(0, at + 200, at + 210);
    await writeFile(damaged, bytes);
    await rm(join(directory, "cache/packages"), { recursive: true, force: true });
    expect((await failure(attempt({ iso: damaged }))).code).toBe("package-corrupt");
  });
});

describe("refused:", () => {
  test.each<[string, () => Promise<RecipeInput>, string, string]>([
    ["an image that is missing", async () => ({ iso: "/nowhere.iso" }), "file-unreadable", "/nowhere.iso"],
    ["a folder", async () => ({ iso: directory }), "media-invalid", "no ISO image"],
    [
      "a text",
      async () => ({ iso: await write("text.iso", Buffer.alloc(100_000, "text ")) }),
      "media-invalid",
      "no ISO image",
    ],
    [
      "a short file",
      async () => ({ iso: await write("short.iso", Buffer.from("short")) }),
      "media-invalid",
      "no ISO image",
    ],
    ["one without packages", async () => ({ iso: await withoutPackages() }), "media-invalid", "no packages in it"],
    ["one cut short", async () => ({ iso: await cutShort() }), "media-invalid", "ends too early"],
    ["one of another suite", async () => ({ iso, suite: "bookworm" }), "suite-unknown", "has no suite bookworm"],
    [
      "one without a component",
      async () => ({ iso, components: "contrib" }),
      "component-unknown",
      "no component contrib",
    ],
    [
      "one beside a mirror for the build",
      async () => ({ iso, "install-mirror": "http://m.example.org" }),
      "recipe-invalid",
      "install-mirror",
    ],
  ])("%s", async (_, recipe, code, message) => {
    const error = await failure(attempt(await recipe()));
    expect([error.code, error.message]).toEqual([code, expect.stringContaining(message)]);
    expect(error.hint ?? error.message).toBeTruthy();
  });

  test("one whose folders lead everywhere, without end or harm", async () => {
    const bytes = await readFile(iso);
    for (let seed = 1; seed < 40; seed++) {
      const evil = Buffer.from(bytes.subarray(0, 400_000));
      for (let i = 0; i < 200; i++) evil[32768 + ((seed * 7919 + i * i * 104_729) % 60_000)] = (seed * 31 + i) % 256;
      const file = await open(join(directory, "evil.iso"), "w");
      await file.write(evil);
      await file.close();
      await attempt({ iso: join(directory, "evil.iso") }).catch((error: { code?: string }) =>
        expect(error.code).toBeTruthy(),
      );
    }
  });
});

async function write(name: string, content: Buffer): Promise<string> {
  await writeFile(join(directory, name), content);
  return join(directory, name);
}

async function withoutPackages(): Promise<string> {
  const path = join(directory, "empty.iso");
  await run([
    "xorriso",
    "-as",
    "mkisofs",
    "-quiet",
    "-rock",
    "-output",
    path,
    join(directory, "gnupg/openpgp-revocs.d"),
  ]);
  return path;
}

async function cutShort(): Promise<string> {
  const path = await write("cut.iso", await readFile(iso));
  await truncate(path, 40_000);
  return path;
}
