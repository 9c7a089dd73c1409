import { stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { run } from "../system/process.ts";
import { lockPath } from "./lock-path.ts";
import { readRecipe } from "./recipe-file.ts";
import { SECRET_FILES } from "./recipe-secrets.ts";
import { parseRecipe } from "./recipe-yaml.ts";
import { findShippedRecipe, listShippedRecipes, shippedFiles } from "./shipped-recipes.ts";

const recipes = await listShippedRecipes();
const SECRETS = ["pass", "rootpass", "luks-pass", "identity-seed", ...Object.values(SECRET_FILES)];

describe.each(recipes)("recipe:$name", (recipe) => {
  const folder = dirname(recipe.path);

  it("is a valid recipe that says what it is and tests it", async () => {
    expect(recipe.title).toMatch(/^[A-Z].{10,70}$/);
    const { hostname, suite, tests } = await readRecipe(`recipe:${recipe.name}`, {});
    expect({ hostname, suite }).toEqual({ hostname: expect.stringMatching(/^[a-z-]+$/), suite: "trixie" });
    expect(tests.length).toBeGreaterThanOrEqual(4);
  });

  it("holds no secret", async () => {
    const { values } = parseRecipe(recipe.yaml, recipe.path);
    expect(Object.keys(values).filter((key) => SECRETS.includes(key))).toEqual([]);
    for (const [name, text] of await shippedFiles(recipe))
      expect(text, name).not.toMatch(/PRIVATE KEY-----|\$(?:1|5|6|y|2[aby])\$|password\w*\s*[:=]\s*["']?\w{8,}/i);
  });

  it("has no file that nothing names, and scripts that sh can read", async () => {
    const files = await shippedFiles(recipe);
    const texts = [recipe.yaml, files.get("files") ?? ""].join("\n");
    for (const [name, text] of files) {
      expect(texts, name).toMatch(new RegExp(`(^|[ [])${name.replaceAll(".", "\\.")}([\\] ]|$)`, "m"));
      if (!text.startsWith("#!")) continue;
      expect((await stat(join(folder, name))).mode & 0o111, `${name} can be run`).toBe(0o111);
      if (text.startsWith("#!/bin/sh")) await run(["sh", "-n", join(folder, name)]);
    }
  });
});

describe("the name of a shipped recipe", () => {
  it("is told from others, and the nearest is named", async () => {
    await expect(findShippedRecipe("recipe:webservr")).rejects.toMatchObject({
      code: "recipe-unknown",
      hint: "did you mean recipe:webserver?",
    });
    await expect(readRecipe("recipe:../webserver", {})).rejects.toMatchObject({ code: "recipe-unknown" });
    await expect(readRecipe("recipe:", {})).rejects.toMatchObject({ code: "recipe-unknown" });
  });

  it("gives its lock file, which lies in the current folder, its name", () => {
    expect(lockPath("recipe:webserver")).toBe("webserver.lock");
  });
});
