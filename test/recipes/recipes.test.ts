import { appendFile, mkdir, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { listShippedRecipes } from "../../src/core/shipped-recipes.ts";
import { openWorkshop, type Workshop } from "../fixtures/built-machine.ts";
import { openGuestDisk } from "../fixtures/guest-disk.ts";
import { TEST_CACHE } from "../fixtures/test-cache.ts";
import { vmbuilder } from "../fixtures/vmbuilder.ts";

const REPORT = join(import.meta.dirname, "../../build/reports/recipes.md");
const WANTED = process.env.RECIPES?.split(/[ ,]+/);
const recipes = (await listShippedRecipes()).filter(({ name }) => WANTED?.includes(name) ?? true);
const CACHE = ["--cache-dir", join(TEST_CACHE, "recipes")];
/** Where packages leave keys and passwords that they make when they are installed. */
const SECRETS = ["/etc/ssl/private", "/etc/dovecot/private", "/root"];

let workshop: Workshop;
beforeAll(async () => {
  workshop = await openWorkshop();
  await mkdir(join(REPORT, ".."), { recursive: true });
  const header = "| recipe | packages | image | built | first boot | tests passed |\n|---|---:|---:|---:|---:|---:|\n";
  await writeFile(REPORT, header);
});
afterAll(() => workshop?.close());

describe.each(recipes)("recipe:$name", ({ name }) => {
  test("is built without secrets, and passes its own tests", async () => {
    const destination = join(workshop.directory, name);
    const startedAt = performance.now();
    const built = await vmbuilder([
      ...["build", `recipe:${name}`, "--ssh-key", `${workshop.key}.pub`, "--dest", destination, ...CACHE, "--json"],
    ]);
    expect(built.status, built.stderr).toBe(0);
    const buildSeconds = (performance.now() - startedAt) / 1000;
    const { packages, artifacts } = lastLine(built.stdout) as { packages: number; artifacts: { name: string }[] };
    const image = join(destination, artifacts.find((one) => one.name.endsWith(".qcow2"))?.name ?? "");
    const { size } = await stat(image);
    expect(await secretsOf(image)).toEqual([]);
    await rm(destination, { recursive: true });

    const tested = await vmbuilder(["test", `recipe:${name}`, ...CACHE, "--json"], {
      VMBUILDER_STATE_DIR: join(workshop.directory, "state"),
    });
    const lines = tested.stdout.trim().split("\n");
    const tests = lines.map((line) => JSON.parse(line)).find(({ type }) => type === "tests");
    const outcomes: { name: string; seconds: number; failure?: string; said?: string }[] = tests?.outcomes ?? [];
    const passed = outcomes.filter(({ failure }) => failure === undefined);
    const row = [
      name,
      packages,
      `${Math.round(size / 1e6)} MB`,
      `${buildSeconds.toFixed(0)} s`,
      `${outcomes[0]?.seconds.toFixed(0)} s`,
      `${passed.length} of ${outcomes.length}`,
    ];
    await appendFile(REPORT, `| ${row.join(" | ")} |\n`);
    expect(
      outcomes.filter(({ failure }) => failure !== undefined),
      tested.stderr,
    ).toEqual([]);
    expect(tested.status).toBe(0);
  });
});

/** Files of an image where secrets would be. */
async function secretsOf(image: string): Promise<string[]> {
  const disk = await openGuestDisk(image);
  try {
    const found = await Promise.all(
      SECRETS.map(async (path) => (await disk.list(path)).map((name) => join(path, name))),
    );
    return found.flat().filter((path) => !/^\/root\/\.(bashrc|profile|ssh)$/.test(path));
  } finally {
    await disk.close();
  }
}

function lastLine(text: string): Record<string, unknown> {
  return JSON.parse(text.trim().split("\n").at(-1) ?? "");
}
