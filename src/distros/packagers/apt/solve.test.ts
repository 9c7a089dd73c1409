import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { IsolatedApt } from "./configuration.ts";
import { readPackageLists } from "./package-lists.ts";
import { solvePackages } from "./solve.ts";

const HASH = "ab".repeat(32);
const URL = "http://mirror.example.org/debian/pool/x.deb";
let directory: string;
let apt: IsolatedApt;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "vmbuilder-solve-"));
  await mkdir(join(directory, "lists"));
  apt = {
    lists: join(directory, "lists"),
    directory,
    env: { PATH: `${directory}:/usr/bin:/bin`, OUT: directory },
  } as unknown as IsolatedApt;
});
afterEach(() => rm(directory, { recursive: true, force: true }));

/** Lets a script stand in for apt-get, and writes the package lists that apt would have fetched. */
async function solve(script: string, lists: readonly string[], request = {}) {
  await writeFile(join(directory, "apt-get"), `#!/bin/sh\nprintf '%s\\n' "$@" >"$OUT/arguments"\n${script}\n`);
  await chmod(join(directory, "apt-get"), 0o755);
  for (const [i, list] of lists.entries()) await writeFile(join(apt.lists, `mirror_${i}_Packages`), list);
  const all = { priorities: ["required"], include: ["nginx"], exclude: ["nano"], ...request };
  return solvePackages(apt, await readPackageLists(apt.lists), all, new AbortController().signal);
}

const stanza = (version: string, extra = "") =>
  `Package: libx\nArchitecture: amd64\nVersion: ${version}\nPriority: required\nEssential: yes\nInstalled-Size: 3\nPre-Depends: a\nDepends: b, c\nProvides: y\nSHA256: ${HASH}\n${extra}\n`;
const chosen = (version: string) => `echo "'${URL}' libx_${version}_amd64.deb 1234 SHA256:${"cd".repeat(32)}"`;

describe("solvePackages", () => {
  it("asks for priorities, names and exclusions, as arguments and nothing else", async () => {
    await solve("true", []);
    expect((await readFile(join(directory, "arguments"), "utf8")).trim().split("\n").slice(-5)).toEqual([
      "install",
      "--",
      "?and(?or(?essential,?priority(required)),?not(?exact-name(nano)))",
      "nginx",
      "nano-",
    ]);
  });

  it("describes the very version that was chosen, by its index", async () => {
    const lists = ["Package: other\nVersion: 1\n\n", `${stanza("1:1.0")}${stanza("1:2.0~rc1+b1")}`];
    expect(await solve(`echo Reading lists; ${chosen("1%3a2.0~rc1+b1")}`, lists)).toMatchObject([
      {
        name: "libx",
        version: "1:2.0~rc1+b1",
        architecture: "amd64",
        url: URL,
        sha256: HASH,
        sizeBytes: 1234,
        priority: "required",
        essential: true,
        depends: "a, b, c",
        provides: "y",
        installedSizeBytes: 3072,
      },
    ]);
  });

  it("can be asked again in the same folder", async () => {
    expect(await solve(chosen("2.0"), [stanza("2.0")])).toHaveLength(1);
    expect(await solve(chosen("2.0"), [stanza("2.0")])).toHaveLength(1);
  });

  it("refuses a package that no index vouches for", async () => {
    await expect(solve(chosen("3.0"), [stanza("2.0")])).rejects.toMatchObject({
      code: "index-corrupt",
      message: expect.stringContaining("libx_3.0_amd64"),
    });
  });

  it.each([
    ["E: Unable to locate package ngins", "package-unknown", /ngins/],
    ["E: Package 'ngins' has no installation candidate", "package-unknown", /ngins/],
    [
      "The following packages have unmet dependencies:\n a : Depends: b",
      "packages-unsatisfiable",
      /cannot be installed together/,
    ],
    ["E: something else", "command-failed", /something else/],
  ])("words %j", async (stderr, code, message) => {
    await expect(solve(`echo "${stderr}" >&2; exit 100`, [])).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
    });
  });

  it("names the packages that provide what is none", async () => {
    const said =
      "Package mta is a virtual package provided by:\n  exim4 4.96\n  postfix 3.7\n\nYou should select one.\n";
    const failing = `printf '${said.replaceAll("\n", "\\n")}'; echo "E: Package 'mta' has no installation candidate" >&2; exit 100`;
    await expect(solve(failing, [])).rejects.toMatchObject({
      code: "package-unknown",
      hint: "mta is a name that others provide: ask for exim4 or postfix",
    });
  });
});
