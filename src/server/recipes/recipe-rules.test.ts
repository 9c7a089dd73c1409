import { describe, expect, it } from "vitest";
import { FILE_KEYS } from "../../core/recipe-file.ts";
import { listShippedRecipes, shippedFiles } from "../../core/shipped-recipes.ts";
import { takeRecipe } from "./recipe-input.ts";
import { checkRules } from "./recipe-rules.ts";

const recipes = await listShippedRecipes();

describe("checkRules", () => {
  it.each(FILE_KEYS)("lets %s read no file of the server", (key) => {
    const recipe = { values: { [key]: "/etc/shadow" }, files: new Map(), locate: () => "recipe:1:1" };
    expect(() => checkRules(recipe as unknown as Parameters<typeof checkRules>[0], new Set())).toThrow(key);
  });

  it.each([
    ["a package", `vars: {x: /srv/own.deb}\naddpkg: ["\${x}"]`, "is none of the files"],
    ["a package by default", `addpkg+: ["\${x:-/srv/own.deb}"]`, "is none of the files"],
    ["a mirror", `vars: {x: "10.0.0.1/"}\nmirror: "http://\${x}@deb.example.org/"`, "doesn't ask"],
    [
      "a key",
      `vars: {x: "http"}\nrepositories: [{uri: "http://deb.example.org/", suite: x, key: "\${x}://10.0.0.1/k"}]`,
      "doesn't ask",
    ],
  ])("lets no variable lead to %s elsewhere", (_, yaml, why) => {
    expect(() => checkRules(takeRecipe({ yaml, files: {} }), new Set(["deb.example.org"]))).toThrow(why);
  });

  it.each([
    "http://deb.example.org\\@10.0.0.1/",
    "http://deb.example.org#@10.0.0.1/",
    "http://deb.example.org?@10.0.0.1/",
  ])("refuses %s, which apt reads otherwise than we", (mirror) => {
    const recipe = (address: string) => takeRecipe({ recipe: { mirror: address }, files: {} });
    const hosts = new Set(["deb.example.org", "[::1]:81"]);
    expect(() => checkRules(recipe(mirror), hosts)).toThrow("doesn't ask");
    for (const plain of ["http://deb.example.org", "https://u:p@DEB.example.org:443/debian/", "http://[::1]:81/x?y#z"])
      expect(() => checkRules(recipe(plain), hosts)).not.toThrow();
  });

  it("fills in the variables of the server's own configuration", () => {
    const recipe = takeRecipe({ yaml: `mirror: "http://\${site}/"`, files: {} });
    expect(() => checkRules(recipe, new Set(["deb.example.org"]), { site: "deb.example.org" })).not.toThrow();
  });

  it.each(recipes)("lets recipe:$name be built", async (recipe) => {
    const files = await shippedFiles(recipe);
    const given = takeRecipe({ yaml: recipe.yaml, files: Object.fromEntries(files) });
    expect(() => checkRules(given, new Set())).not.toThrow();
    expect(() => checkRules({ ...given, files: new Map() }, new Set())).toThrow("is none of the files");
  });
});
