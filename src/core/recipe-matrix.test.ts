import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readRecipe, readRecipes } from "./recipe-file.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "vmb-matrix-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function cells(text: string, options = {}, matrix: Record<string, string[]> = {}) {
  const file = join(folder, "web.yaml");
  await writeFile(file, text);
  return readRecipes(file, options, { matrix });
}

const MATRIX = "matrix: {suite: [bookworm, trixie], mem: [512, 1024]}\n";

describe("readRecipes", () => {
  it("makes a recipe of each combination, with names and folders of their own", async () => {
    const four = await cells(`${MATRIX}hostname: web.example.org\nmem: 64\n`, { dest: "out" });
    expect(four.map(({ label, recipe }) => [label, recipe.mem, recipe.hostname, recipe.dest])).toEqual([
      ["bookworm 512", 512, "web-bookworm-512.example.org", "out/web-bookworm-512.example.org"],
      ["bookworm 1024", 1024, "web-bookworm-1024.example.org", "out/web-bookworm-1024.example.org"],
      ["trixie 512", 512, "web-trixie-512.example.org", "out/web-trixie-512.example.org"],
      ["trixie 1024", 1024, "web-trixie-1024.example.org", "out/web-trixie-1024.example.org"],
    ]);
  });

  it("has the values as variables, also in options' templates", async () => {
    const text = `${MATRIX}hostname: "w-\${suite}-\${mem}"\n`;
    const named = await cells(text, { dest: "d/$" + "{suite}/$" + "{mem}" });
    expect(named.map(({ recipe }) => `${recipe.hostname} ${recipe.dest}`)).toEqual([
      "w-bookworm-512 d/bookworm/512",
      "w-bookworm-1024 d/bookworm/1024",
      "w-trixie-512 d/trixie/512",
      "w-trixie-1024 d/trixie/1024",
    ]);
  });

  it("lets the command line beat the recipe's axes, and replaces an axis as a whole", async () => {
    expect((await cells(MATRIX, { suite: "sid" })).map(({ label }) => label)).toEqual(["512", "1024"]);
    expect((await cells(MATRIX, {}, { suite: ["sid"] })).map(({ label }) => label)).toEqual(["sid 512", "sid 1024"]);
  });

  it.each([
    ["matrix: {suit: [a]}", /web.yaml:1:10: matrix.suit: there is no such key \(did you mean suite\?\)/],
    ["matrix: {pass: [a]}", /matrix.pass: pass makes no matrix/],
    ["matrix: {mem: [512, 1]}", /web.yaml:1:21: matrix.mem.1: 1 is less than 64/],
    ["matrix: {mem: []}", /web.yaml:1:15: matrix.mem: a list must have values/],
    ["matrix: {mem: 512}", /web.yaml:1:15: matrix.mem: 512 is no list/],
    [`matrix: {mem: [${"64, ".repeat(30)}64], cpus: [${"1, ".repeat(30)}1]}`, /this makes 961 machines/],
    [`matrix: {addpkg: [[${"abc, ".repeat(20)}abc], [b1]]}`, /host name "vm-abc.*" is too long/],
  ])("refuses %j", async (text, message) => {
    const error = await cells(text).then(String, (reason: Error & { hint?: string }) => reason);
    expect(error instanceof Error ? `${error.message} (${"hint" in error ? error.hint : ""})` : error).toMatch(message);
  });

  it("is refused where one machine is wanted", async () => {
    await cells(MATRIX);
    await expect(readRecipe(join(folder, "web.yaml"), {})).rejects.toThrow("several machines");
  });
});
