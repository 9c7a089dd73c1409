import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { VmbuilderError } from "../model/errors.ts";
import type { Recipe } from "../model/recipe.ts";
import { run } from "../system/process.ts";
import { readRecipe } from "./recipe-file.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "vmb-recipe-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function written(text: string, options: Record<string, unknown> = {}): Promise<Recipe> {
  const file = join(folder, "web.yaml");
  await writeFile(file, text);
  return readRecipe(file, options);
}

/** The refusal's message without the folder's name, and its hint. */
async function refusal(attempt: Promise<Recipe>): Promise<string> {
  const error = await attempt.then(
    (recipe) => new Error(`accepted: ${JSON.stringify(recipe)}`),
    (reason: unknown) => reason,
  );
  if (!(error instanceof VmbuilderError)) throw error;
  expect(error.exitStatus).toBe(2);
  expect(error.message).not.toContain("\n");
  return error.message.replaceAll(`${folder}/`, "") + (error.hint ? ` (${error.hint})` : "");
}

describe("readRecipe", () => {
  it("lets the command line beat the recipe, lists as a whole", async () => {
    const text = "hostname: web1\nsuite: trixie\naddpkg: [nginx, curl]\nrootsize: 6G\nmem: 2048\n";
    expect(await written(text, { hostname: "web2", addpkg: ["vim"], mem: "512" })).toMatchObject({
      hostname: "web2",
      suite: "trixie",
      addpkg: ["vim"],
      rootsize: 6 * 1024 ** 3,
      mem: 512,
    });
  });

  it("takes key files from beside the recipe, and the result folder from where the user is", async () => {
    await mkdir(join(folder, "keys"), { recursive: true });
    await writeFile(join(folder, "keys/archive.gpg"), Uint8Array.of(0x99, 1, 13));
    const recipe = await written(
      "ssh-key: a.pub\nssh-user-key: [/b.pub, keys/c.pub]\nkeyring: keys/archive.gpg\ndest: out\nuser: ann\n",
    );
    expect(recipe).toMatchObject({
      "ssh-key": [join(folder, "a.pub")],
      "ssh-user-key": ["/b.pub", join(folder, "keys/c.pub")],
      "keyring": join(folder, "keys/archive.gpg"),
      "dest": "out",
    });
  });

  it.each([
    ["a key of random bytes", Buffer.from([0x70, 0xc3, 0x28, 0xa0])],
    ["control characters", Buffer.from("pass\0word\n")],
  ])("takes no password from %s", async (_, bytes) => {
    const key = join(folder, "binary");
    await writeFile(key, bytes);
    await expect(written("{}", { "luks-pass-file": key })).rejects.toMatchObject({
      code: "recipe-invalid",
      message: `--luks-pass-file: the first line of ${key} is no text that can be typed`,
    });
    await writeFile(key, "pässwörd \u{1f511}\t.\n");
    expect(await written("{}", { "luks-pass-file": key })).toMatchObject({ "luks-pass": "pässwörd \u{1f511}\t." });
  });

  it("reads passwords from the first line of a file", async () => {
    await writeFile(join(folder, "secret"), "s3cret word\r\nmore\n");
    expect(await written("rootpass-file: secret\nuser: ann\n", { "pass-file": join(folder, "secret") })).toMatchObject({
      rootpass: "s3cret word",
      pass: "s3cret word",
    });
    expect(await written("pass: one\nuser: ann\n", { "pass-file": join(folder, "secret") })).toMatchObject({
      pass: "s3cret word",
    });
  });

  it.each([
    ["rootsize: .nan", "web.yaml:1:11: rootsize: NaN has no place here"],
    ["rootsize: 1e30", 'web.yaml:1:11: rootsize: "1e+30" is not a size'],
    ["swapsize: -1", 'web.yaml:1:11: swapsize: "-1" is not a size'],
    ["mem: .inf", "web.yaml:1:6: mem: Infinity has no place here"],
    ["mem: 1e30", "web.yaml:1:6: mem: 1e+30 is no whole number"],
    ["mem: [1024]", "web.yaml:1:6: mem: a list has no place here"],
    ["mem: true", "web.yaml:1:6: mem: true has no place here"],
    ["mem: 1k", 'web.yaml:1:6: mem: "1k" is no whole number'],
    ["mem: 5000000", "web.yaml:1:6: mem: 5000000 is more than 4194304"],
    ["cpus: 0.5", "web.yaml:1:7: cpus: 0.5 is no whole number"],
    ["cpus:", "web.yaml:1:6: cpus: nothing has no place here"],
    ["suite: trixie\nhostnme: x", "web.yaml:2:1: hostnme: there is no such key (did you mean hostname?)"],
    ["hostname: 12", "web.yaml:1:11: hostname: 12 is no text"],
    ["hostname: {a: 1}", "web.yaml:1:11: hostname: a mapping is no text"],
    ['addpkg: [nginx, "X y"]', 'web.yaml:1:17: addpkg.1: "X y" is no package name, nor a path of a .deb file'],
    ["addpkg: [nginx, 1]", "web.yaml:1:17: addpkg.1: 1 is no text"],
    ["arch: amd46", 'web.yaml:1:7: arch: "amd46" is none of amd64, arm64, riscv64'],
    [
      "mirror: ftp://mirror.example.org/debian",
      'web.yaml:1:9: mirror: "ftp://mirror.example.org/debian" is no http:, https: or file: address, and no path',
    ],
    ["timezone: ../../etc", 'web.yaml:1:11: timezone: "../../etc" is no time zone'],
    ['pass: "two\\nlines"\nuser: ann', "web.yaml:1:7: pass: the password must be one line"],
    ["pass: 1234\nuser: ann", "web.yaml:1:7: pass: the password is no text"],
    ["pass: a\npass-file: b", "web.yaml:2:12: pass-file: pass is given too (give one of them)"],
    ["pass-file: none", expect.stringMatching(/^web.yaml:1:12: pass-file: cannot read none/)],
    ["keyring: none", "web.yaml:1:10: keyring: cannot read none (give a keyring file)"],
    ["keyring: web.yaml", "web.yaml:1:10: keyring: web.yaml holds no OpenPGP public key (give a keyring file)"],
    ["hostname: a\nhostname: b", 'web.yaml:2:1: the key "hostname" stands here a second time'],
    ["a: &x [1]\nb: *x", "web.yaml:1:7: anchors and aliases have no place in a recipe (write the value out)"],
    ["hostname: *x", expect.stringMatching(/^web.yaml:1:11: /)],
    ["hostname: !!js/function x", expect.stringMatching(/^web.yaml:1:11: Unresolved tag/)],
    ["__proto__: {hostname: evil}", expect.stringMatching(/^web.yaml:1:1: __proto__: there is no such key/)],
    ["constructor: 1", expect.stringMatching(/^web.yaml:1:1: constructor: there is no such key/)],
    ["? [a]\n: 1", "web.yaml:1:3: a key must be a plain word"],
    ["<<: {hostname: x}", expect.stringMatching(/^web.yaml:1:1: <<: there is no such key/)],
    ["hostname: a\n---\nhostname: b", "web.yaml:2:1: a recipe is a single YAML document"],
    ["hostname: [", expect.stringMatching(/^web.yaml:1:1\d: /)],
    ["- hostname", "web.yaml:1:1: a recipe consists of lines KEY: VALUE"],
    ["just text", "web.yaml:1:1: a recipe consists of lines KEY: VALUE"],
    ["", "web.yaml:1:1: the recipe is empty"],
    ["# nothing\n", "web.yaml:1:1: the recipe is empty"],
    ['hostname: "a\\0b"', expect.stringMatching(/^web.yaml:1:11: hostname: .* is no host name/)],
    ["json: true", expect.stringMatching(/^web.yaml:1:1: json: there is no such key/)],
  ])("refuses %j", async (text, message) => {
    expect(await refusal(written(text))).toEqual(message);
  });

  it.each([
    [{ hostname: "a/b" }, '--hostname: "a/b" is no host name: letters, digits and inner hyphens, at most 63 a label'],
    [{ rootsize: "1e30" }, '--rootsize: "1e30" is not a size'],
    [{ mem: "" }, '--mem: "" is no whole number'],
    [{ mem: "99999999999" }, '--mem: "99999999999" is more than 4194304'],
    [{ ip: "300.1.1.1" }, '--ip: "300.1.1.1" is no address, nor dhcp or none'],
    [{ ip6: "fe80::zz" }, '--ip6: "fe80::zz" is no IPv6 address, nor auto or none'],
    [{ mem: "63" }, '--mem: "63" is less than 64'],
    [{ proxy: "x" }, '--proxy: "x" is no URL'],
  ])("names the option: %j", async (options, message) => {
    expect(await refusal(readRecipe(undefined, options))).toBe(message);
    expect(await refusal(written("suite: trixie\n", options))).toBe(message);
  });

  it("accepts what only looks like an alias", async () => {
    expect((await written('name: "one *two & three"\nuser: ann\n')).name).toBe("one *two & three");
  });

  it.each([
    ["flow sequences", `a: ${"[".repeat(500_000)}`],
    ["flow mappings", `a: ${"{a: ".repeat(200_000)}`],
    ["sequences in a line", `a:\n  ${"- ".repeat(400_000)}x`],
    ["keys in a line", `${"? ".repeat(400_000)}x`],
    ["indentation", Array.from({ length: 1400 }, (_, depth) => `${" ".repeat(depth)}a:\n`).join("")],
    ["keys", Array.from({ length: 80_000 }, (_, i) => `k${i}: 1\n`).join("")],
    ["repeated anchors", `a: ${"&a ".repeat(300_000)}x`],
    ["documents", "---\n".repeat(200_000)],
    ["tags", `a: ${"!a ".repeat(300_000)}x`],
    ["quotes", `a: ${"'a' ".repeat(200_000)}`],
    ["a long line", `a: ${"x".repeat(1_000_000)}`],
    ["comments", `${"#\n".repeat(500_000)}b: 1`],
    [
      "alias bomb",
      Array.from({ length: 30 }, (_, i) => `k${i}: &k${i} [${i ? `*k${i - 1}, *k${i - 1}` : "x"}]\n`).join(""),
    ],
    ["more than 1 MiB", "#".repeat(1_100_000)],
  ])("refuses a hostile recipe soon: %s", async (_, text) => {
    const startedAt = performance.now();
    await refusal(written(text));
    expect(performance.now() - startedAt).toBeLessThan(2000);
  });

  it("refuses what is no plain file without waiting for it", async () => {
    const pipe = join(folder, "pipe");
    await run(["mkfifo", pipe]);
    expect(await refusal(readRecipe(pipe, {}))).toBe("cannot read pipe: it is no plain file");
    expect(await refusal(readRecipe(folder, {}))).toMatch(/no plain file/);
    expect(await refusal(readRecipe("/dev/zero", {}))).toMatch(/no plain file/);
    expect(await refusal(readRecipe(join(folder, "none.yaml"), {}))).toMatch(/no such file/);
  });
});
