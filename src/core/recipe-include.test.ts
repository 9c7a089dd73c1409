import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Recipe } from "../model/recipe.ts";
import { type RecipeSurroundings, readRecipe } from "./recipe-file.ts";
import { filesBelow, listProfiles } from "./recipe-origins.ts";
import { removeProfile, saveProfile } from "./recipe-profiles.ts";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "vmb-include-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function files(texts: Record<string, string>): Promise<void> {
  for (const [name, text] of Object.entries(texts)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), text);
  }
}

const read = (options: Record<string, unknown> = {}, around: RecipeSurroundings = {}): Promise<Recipe> =>
  readRecipe(join(folder, "web.yaml"), options, around);

async function refusal(attempt: Promise<unknown>): Promise<string> {
  const error = await attempt.then(
    (value) => new Error(`accepted: ${JSON.stringify(value)}`),
    (reason: Error & { hint?: string }) => reason,
  );
  const hint = "hint" in error && error.hint ? ` (${error.hint})` : "";
  return error.message.replaceAll(`${folder}/`, "") + hint;
}

describe("include", () => {
  it("lets later files beat earlier ones, adds to lists, and finds files beside the file that names them", async () => {
    await files({
      "base/common.yaml": "suite: trixie\naddpkg: [curl]\nssh-key: a.pub\nmem: 512\n",
      "base/big.yaml": "include: common.yaml\nmem: 4096\naddpkg+: [vim, less]\n",
      "web.yaml": "include: [base/common.yaml, base/big.yaml]\naddpkg+: nginx\ncomponents+: contrib\ncpus: 2\n",
    });
    expect(await read({ addpkg: ["+htop", "jq"] })).toMatchObject({
      "suite": "trixie",
      "mem": 4096,
      "cpus": 2,
      "addpkg": ["curl", "vim", "less", "nginx", "htop", "jq"],
      "components": ["main", "contrib"],
      "ssh-key": [join(folder, "base/a.pub")],
    });
    expect(await read({ addpkg: ["jq"] })).toMatchObject({ addpkg: ["jq"] });
  });

  it("starts from a recipe that comes with vmbuilder", async () => {
    await files({ "web.yaml": "include: recipe:webserver\nhostname: mine\naddpkg+: vim\n" });
    expect(await read()).toMatchObject({
      hostname: "mine",
      addpkg: ["nginx", "openssl", "curl", "vim"],
      firstboot: [expect.stringMatching(/\/recipes\/webserver\/firstboot$/)],
    });
    await files({ "web.yaml": "include: [recipe:webserv]\n" });
    expect(await refusal(read())).toBe(
      'web.yaml:1:11: include.0: there is no recipe "webserv" among those of vmbuilder (did you mean recipe:webserver?)',
    );
  });

  it.each([
    [{ "a.yaml": "mem: 1k\n" }, 'a.yaml:1:6: mem: "1k" is no whole number'],
    [{ "a.yaml": "cpu: 1\n" }, "a.yaml:1:1: cpu: there is no such key (did you mean cpus?)"],
    [
      { "a.yaml": "addpkg: [vim, ../x]\n" },
      'a.yaml:1:15: addpkg.1: "../x" is no package name, nor a path of a .deb file',
    ],
    [
      { "a.yaml": "addpkg+: [vim, ../x]\n" },
      'a.yaml:1:16: addpkg+.1: "../x" is no package name, nor a path of a .deb file',
    ],
    [{ "a.yaml": "addpkg+: [vim]\naddpkg: [less]\n" }, expect.stringMatching(/^a.yaml:1:1: .*addpkg is given too/)],
    [{ "a.yaml": "mem+: 1\n" }, "a.yaml:1:1: mem+: mem is no list to add to (write mem)"],
    [{ "a.yaml": "zap+: 1\n" }, expect.stringMatching(/^a.yaml:1:1: zap\+: there is no such key/)],
    [
      { "a.yaml": "include: [web.yaml]\n" },
      "a.yaml:1:11: include.0: a recipe includes itself: web.yaml → a.yaml → web.yaml (take this include out)",
    ],
    [{ "a.yaml": "include: a.yaml\n" }, expect.stringMatching(/web.yaml → a.yaml → a.yaml/)],
    [
      { "a.yaml": "include: none.yaml\n" },
      "a.yaml:1:10: include: cannot read none.yaml: there is no such file (check the path)",
    ],
    [{ "a.yaml": "include: 7\n" }, expect.stringMatching(/^a.yaml:1:10: include: 7 /)],
    [{ "a.yaml": "include: {a: b}\n" }, expect.stringMatching(/^a.yaml:1:10: include: a mapping /)],
    [
      Object.fromEntries([
        ["a.yaml", "include: n0.yaml\n"],
        ...Array.from({ length: 40 }, (_, i) => [`n${i}.yaml`, `include: n${i + 1}.yaml\n`]),
      ]) as Record<string, string>,
      expect.stringMatching(/^n14.yaml:1:10: include: includes are nested more than 16 deep: web.yaml → a.yaml → n0/),
    ],
  ])("names the place: %j", async (texts, message) => {
    await files({ "web.yaml": "include: a.yaml\n", ...texts });
    expect(await refusal(read())).toEqual(message);
  });
});

describe("variables", () => {
  it("come from the command line, else the including file, else the included one, else the default", async () => {
    await files({
      "a.yaml": "vars: {tier: low, size: 2G, lock: true}\nrootsize: $" + "{size}\n",
      "web.yaml":
        "include: a.yaml\nvars: {size: 6G}\nuser: ann\nlock-user: $" +
        "{lock}\nhostname: $" +
        "{tier}-$" +
        "{n:-1}\nname: $" +
        "$" +
        "{x}\nmem: $" +
        "{mem:-2048}\nssh-key: $" +
        "{keys:-k}/a.pub\n",
    });
    expect(await read({}, { vars: { tier: "top", keys: "/keys" } })).toMatchObject({
      "rootsize": 6 * 1024 ** 3,
      "hostname": "top-1",
      "name": "$" + "{x}",
      "mem": 2048,
      "lock-user": true,
      "ssh-key": ["/keys/a.pub"],
    });
  });

  it.each([
    [
      "hostname: $" + "{nam}\nvars: {name: x}",
      expect.stringMatching(/^web.yaml:1:11: hostname: .*"nam" is not defined \(did you mean name\?/),
    ],
    ['addpkg: [a1, "$' + '{p}"]', expect.stringMatching(/^web.yaml:1:14: addpkg.1: the variable "p" is not defined/)],
    ["hostname: a$" + "{", expect.stringMatching(/^web.yaml:1:11: hostname: after "\$\{" must come/)],
    ["vars: {1a: x}", expect.stringMatching(/^web.yaml:1:\d+: vars.1a: /)],
    ["vars: {a: [x]}", expect.stringMatching(/^web.yaml:1:11: vars.a: a list /)],
  ])("refuses %j", async (text, message) => {
    await files({ "web.yaml": text });
    expect(await refusal(read())).toEqual(message);
  });
});

describe("precedence", () => {
  it("is command line, recipe, profile, the user's and the host's configuration", async () => {
    const env = { XDG_CONFIG_HOME: join(folder, "cfg"), XDG_DATA_HOME: join(folder, "data") };
    await files({
      "etc.yaml": "suite: s1\nmem: 101\ncpus: 1\nhostname: h1\ndomain: d1\n",
      "cfg/vmbuilder/config.yaml": "mem: 102\ncpus: 2\nhostname: h2\ndomain: d2\n",
      "data/vmbuilder/profiles/small.yaml": "cpus: 3\nhostname: h3\ndomain: d3\n",
      "web.yaml": "hostname: h4\ndomain: d4\n",
    });
    const choice = { systemConfig: join(folder, "etc.yaml"), profile: "small" };
    const below = await filesBelow(choice, env);
    const expected = { suite: "s1", mem: 102, cpus: 3, hostname: "h4", domain: "d5" };
    expect(await read({ domain: "d5" }, { below })).toMatchObject(expected);
    const byEnvironment = { ...env, VMBUILDER_SYSTEM_CONFIG: choice.systemConfig, VMBUILDER_PROFILE: "small" };
    expect(await filesBelow({}, byEnvironment)).toEqual(below);
    expect(await filesBelow({ config: "none", systemConfig: "none" }, env)).toEqual([]);
    await files({ "etc.yaml": "mem: x\n" });
    expect(await refusal(readRecipe(undefined, {}, { below: below.slice(0, 1) }))).toMatch(/^etc.yaml:1:6: mem: /);
    expect(await refusal(filesBelow({ profile: "smal" }, env))).toMatch(/no profile "smal".*did you mean small\?/);
    expect(await refusal(filesBelow({ profile: "../x" }, env))).toMatch(/"..\/x" is no name of a profile/);
  });

  it("leaves out what has no sense beside what a stronger one says", async () => {
    await files({
      "below.yaml":
        "swapsize: 0\nrootsize: 9G\nlvm: true\nip: 192.0.2.10\nmask: 255.255.255.0\ngw: 192.0.2.254\nmem: 512\n",
      "web.yaml": "disks:\n  - partitions: [{mount: /, size: 2G}]\n",
    });
    const around = { below: [join(folder, "below.yaml")] };
    const byRecipe = await read({}, around);
    expect(byRecipe).toMatchObject({ lvm: false, rootsize: 4 * 1024 ** 3, mem: 512, gw: "192.0.2.254" });
    const byOptions = await read({ part: "parts", ip: "dhcp" }, around);
    expect(byOptions).toMatchObject({ part: "parts", ip: "dhcp", swapsize: 1024 ** 3, mem: 512 });
    for (const key of ["disks", "mask", "gw"]) expect(byOptions).not.toHaveProperty(key);
    // In one layer it is a contradiction, which whoever plans the disks refuses.
    expect(await read({ part: "parts", swapsize: "0" }, around)).toMatchObject({ part: "parts", swapsize: 0 });
  });

  it("saves a profile that stands alone, for its owner, and removes it", async () => {
    vi.stubEnv("XDG_DATA_HOME", join(folder, "data"));
    await files({
      "base/a.yaml": "suite: trixie\nssh-key: a.pub\nrootpass-file: secret\n",
      "base/secret": "s3cret\n",
      "web.yaml": "include: base/a.yaml\nvars: {m: 512}\nmem: $" + "{m}\n",
    });
    const path = await saveProfile("small", join(folder, "web.yaml"), { cpus: "2" }, {});
    const text = await readFile(path, "utf8");
    expect(text.replaceAll(folder, "FOLDER")).toBe(
      'suite: trixie\nssh-key: FOLDER/base/a.pub\nrootpass-file: FOLDER/base/secret\nmem: "512"\ncpus: "2"\n',
    );
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await listProfiles()).toEqual(["small"]);
    const below = await filesBelow({ profile: "small", config: "none", systemConfig: "none" });
    expect(await readRecipe(undefined, {}, { below })).toMatchObject({ mem: 512, cpus: 2, rootpass: "s3cret" });
    await removeProfile("small");
    expect(await listProfiles()).toEqual([]);
    vi.unstubAllEnvs();
  });

  it("keeps passwords out of profiles", async () => {
    await files({ "web.yaml": "rootpass: secret\n" });
    expect(await refusal(saveProfile("p", join(folder, "web.yaml"), {}, {}))).toBe(
      "web.yaml:1:11: rootpass: a profile holds no passwords (write the password into a file that only you can read, and give rootpass-file)",
    );
    expect(await refusal(saveProfile("p", undefined, { proxy: "http://a:b@proxy.example.org/" }, {}))).toMatch(
      /^--proxy: a profile holds no passwords/,
    );
    expect(await refusal(saveProfile("p", undefined, {}, {}))).toMatch(/nothing to save/);
  });
});
