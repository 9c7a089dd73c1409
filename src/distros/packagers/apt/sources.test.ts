import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { debootstrapMirror, readHostSources } from "./sources.ts";

const MIRROR = "http://mirror.example.org/debian";
let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "vmbuilder-sources-"));
  await mkdir(join(directory, "sources.list.d"));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

describe("readHostSources", () => {
  it("reads one-line sources: options, comments, several components", async () => {
    await writeFile(
      join(directory, "sources.list"),
      `# deb ${MIRROR} no main\n deb [arch=amd64 signed-by=/k.gpg] ${MIRROR} trixie main contrib # rest\ndeb-src ${MIRROR} trixie main\ndeb ${MIRROR} flat/\nrubbish\n`,
    );
    expect(await readHostSources(directory)).toEqual([
      { uri: MIRROR, suites: ["trixie"], components: ["main", "contrib"] },
      { uri: MIRROR, suites: ["flat/"], components: [] },
    ]);
  });

  it("reads deb822 sources: several of each, disabled ones not", async () => {
    const stanza = (extra: string) =>
      `Types: deb deb-src\nURIs: ${MIRROR} ${MIRROR}2\nSuites: trixie\n trixie-updates\nComponents: main\n${extra}\n`;
    await writeFile(
      join(directory, "sources.list.d", "a.sources"),
      stanza("") + stanza("Enabled: no\n") + stanza("").replace("deb deb-src", "deb-src"),
    );
    expect(await readHostSources(directory)).toEqual(
      [MIRROR, `${MIRROR}2`].map((uri) => ({ uri, suites: ["trixie", "trixie-updates"], components: ["main"] })),
    );
  });

  it("takes the folder's files in order, after sources.list", async () => {
    for (const [file, suite] of [
      ["sources.list", "one"],
      ["sources.list.d/b.list", "three"],
      ["sources.list.d/a.list", "two"],
    ] as const)
      await writeFile(join(directory, file), `deb ${MIRROR} ${suite} main\n`);
    expect((await readHostSources(directory)).map(({ suites }) => suites[0])).toEqual(["one", "two", "three"]);
  });

  it("makes nothing of a host without any", async () => {
    expect(await readHostSources(join(directory, "none"))).toEqual([]);
  });
});

describe("debootstrapMirror", () => {
  it("is what the script names, or nothing", async () => {
    const script = join(directory, "debootstrap");
    await writeFile(script, `#!/bin/sh\nDEF_MIRROR="${MIRROR}"\n`);
    expect(await debootstrapMirror(script)).toBe(MIRROR);
    expect(await debootstrapMirror(join(directory, "none"))).toBeUndefined();
  });
});
