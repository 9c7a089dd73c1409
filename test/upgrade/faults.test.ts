import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openWorkshop, type Workshop } from "../fixtures/built-machine.ts";
import { TEST_CACHE } from "../fixtures/test-cache.ts";
import { type UpgradeArchive, upgradeArchive } from "../fixtures/upgrade-archive.ts";
import { vmbuilder } from "../fixtures/vmbuilder.ts";

let workshop: Workshop;
let archive: UpgradeArchive;
let state: string;
beforeAll(async () => {
  workshop = await openWorkshop();
  archive = await upgradeArchive();
  state = join(workshop.directory, "state");
});
afterAll(() => workshop?.close());

/** Tests an upgrade of a machine with one more package. */
async function upgrade(addpkg: string, options: readonly string[] = [], sources = archive.recipe) {
  const path = join(workshop.directory, `${addpkg}.yaml`);
  const recipe = `hostname: ${addpkg}\nvariant: minbase\nswapsize: 0\naddpkg: [greeter, iproute2, ${addpkg}]\n${sources}`;
  await writeFile(path, recipe);
  const cache = ["--cache-dir", join(TEST_CACHE, "boot")];
  const way = options.includes("--security-updates") ? [] : ["--to", "trixie"];
  const args = ["upgrade-test", path, "--from", "bookworm", ...way, "--json", ...cache, ...options];
  const result = await vmbuilder(args, { VMBUILDER_STATE_DIR: state });
  const lines = result.stdout.trim().split("\n");
  return { ...result, run: lines.map((line) => JSON.parse(line)).find(({ type }) => type === "upgrade") };
}

describe("an upgrade that fails", () => {
  test("says which package's script did, with what it said", async () => {
    const { status, run, stderr } = await upgrade("bad-script");
    expect(status).toBe(1);
    expect(run.failure).toMatch(/^dpkg failed at bad-script: .*exit status 3/);
    expect(run.log).toContain("the database is in another castle");
    expect(stderr).toContain("dpkg failed at bad-script");
    expect(run.packages.removed).toEqual([]);
    expect(run.packages.changed).toContainEqual({ name: "bad-script", architecture: "all", from: "1", to: "2" });
    expect(run.tests.every(({ change }: { change: string }) => change === "unrun")).toBe(true);
    expect(run.console).toMatch(/login:/);
  });

  test("says that the machine's disk is full", async () => {
    const { status, run } = await upgrade("bad-full", ["--rootsize", "1500M"]);
    expect(status).toBe(1);
    expect(run.failure).toBe("the machine's disk is full");
  });

  test("says that it took too long, and what it said last", async () => {
    const { status, run } = await upgrade("bad-slow", ["--timeout", "180"]);
    expect(status).toBe(1);
    expect(run.failure).toMatch(/^the upgrade took too long; apt-get .*upgrade said last: Setting up bad-slow/);
  });

  test("says that the machine ended", async () => {
    const { status, run } = await upgrade("bad-power");
    expect(status).toBe(1);
    expect(run.failure).toBe("the machine ended during the upgrade");
  });

  test("says that it doesn't boot any more, with the end of its console", async () => {
    const { status, run } = await upgrade("bad-boot");
    expect(status).toBe(1);
    expect(run.failure).toBe("after the upgrade the machine will never be ready: its kernel panicked");
    expect(run.console).toContain("Kernel panic - not syncing");
    expect(run.tests[0]).toMatchObject({ name: "boots", change: "broke" });
  });
});

describe("the updates of a release", () => {
  test("are installed, and the release stays", async () => {
    const { status, run, stderr } = await upgrade("on-hold", ["--security-updates"], archive.recipeBeforeUpdates);
    expect(status, stderr).toBe(0);
    expect(run.packages).toEqual({
      added: [],
      removed: [],
      changed: [{ name: "greeter", architecture: "all", from: "1", to: "1.1" }],
    });
    expect(run.after.system).toContain("bookworm");
  });
});

describe("a machine that is kept", () => {
  test("has a snapshot from before, at which it is what it was", async () => {
    const { status, run, stderr } = await upgrade("on-hold", ["--keep"]);
    expect(status, stderr).toBe(0);
    const name: string = run.keptAs;
    const inside = async () => {
      const command = ["exec", name, "--", "sh", "-c", ". /etc/os-release; echo $VERSION_CODENAME"];
      return (await vmbuilder(command, { VMBUILDER_STATE_DIR: state })).stdout.trim();
    };
    try {
      expect(await inside()).toBe("trixie");
      expect((await vmbuilder(["restore", name, "before-upgrade"], { VMBUILDER_STATE_DIR: state })).status).toBe(0);
      expect(await inside()).toBe("bookworm");
    } finally {
      await vmbuilder(["rm", "--force", name], { VMBUILDER_STATE_DIR: state });
    }
  });
});
