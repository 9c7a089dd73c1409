import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { checkRecipe } from "./check-recipe.ts";
import type { RecipeInput } from "./recipe-input.ts";

const many = <T>(count: number, make: (index: number) => T) => Array.from({ length: count }, (_, index) => make(index));
const lines = (count: number, make: (index: number) => string) => many(count, make).join("");

let work: string;
beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), "vmb-check-"));
});
afterAll(() => rm(work, { recursive: true, force: true }));

function busyMsSince(before: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

/** A second, or more on a machine that takes long to read a large request alone. */
function longestMs(): number {
  const before = process.cpuUsage();
  JSON.parse(JSON.stringify(HOSTILE["half a million keys in JSON"]));
  return Math.max(1000, 10 * busyMsSince(before));
}

/** What a check says, and for how long nobody else was served. */
async function check(input: Omit<RecipeInput, "files">) {
  const before = process.cpuUsage();
  const said = await checkRecipe({ ...input, files: {} }, { work, hosts: new Set() }).then(
    ({ isValid, problems }) => ({ isValid, problems: problems.length }),
    ({ code }: { code?: string }) => code,
  );
  return { said, busyMs: busyMsSince(before) };
}

/** As large as the limits let pass, or far larger. */
const HOSTILE: Record<string, Omit<RecipeInput, "files">> = {
  "thousands of unknown keys": { yaml: lines(2800, (i) => `k${i}: 1\n`) },
  "long keys that resemble known ones": { yaml: lines(2800, (i) => `${"hostname".repeat(40)}${i}: 1\n`) },
  "thousands of packages": { yaml: `addpkg:\n${lines(3300, (i) => `  - package-${i}\n`)}` },
  "thousands of wrong packages": { yaml: `addpkg:\n${lines(3300, (i) => `  - PACKAGE ${i}\n`)}` },
  "a list within brackets": { yaml: `addpkg: [${many(9000, (i) => `p${i}`).join(",")}]\n` },
  "empty mappings": { yaml: `repositories: [${many(5000, () => "{}").join(",")}]\n` },
  "variables": { yaml: `vars:\n${lines(2500, (i) => `  v${i}: x\n`)}hostname: a\n` },
  "a MiB of line ends in quotes": { yaml: `a: "${"x\n\n".repeat(300_000)}"\n` },
  "a MiB of text": { yaml: `a: |\n${"  x\n".repeat(250_000)}` },
  "a list of a million in JSON": { recipe: { addpkg: many(1_000_000, (i) => `p${i}`) } },
  "half a million keys in JSON": { recipe: Object.fromEntries(many(500_000, (i) => [`k${i}`, 1])) },
  "a key of a million letters in JSON": { recipe: { ["hostname".repeat(120_000)]: 1 } },
  "8 MB of text in JSON": { recipe: { hostname: "x \n".repeat(2_000_000) } },
  "JSON five thousand levels deep": { recipe: { addpkg: JSON.parse(`${"[".repeat(5000)}${"]".repeat(5000)}`) } },
};

describe("what is made to take long", () => {
  it.each(Object.entries(HOSTILE))("%s holds the server up for less than a second", async (_, input) => {
    const limitMs = longestMs();
    const { said, busyMs } = await check(input);
    expect(busyMs).toBeLessThan(limitMs);
    expect(said).not.toBeUndefined();
    if (typeof said === "object") expect(said.problems).toBeLessThanOrEqual(100);
    else expect(said).toBe("too-large");
  });

  it("leaves room for large recipes", async () => {
    const packages = many(3000, (i) => `package-${i}`);
    expect((await check({ recipe: { addpkg: packages } })).said).toEqual({ isValid: true, problems: 0 });
  });
});
