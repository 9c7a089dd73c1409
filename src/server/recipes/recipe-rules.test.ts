import { describe, expect, it } from "vitest";
import { FILE_KEYS } from "../../core/recipe-file.ts";
import { checkRules } from "./recipe-rules.ts";

describe("checkRules", () => {
  it.each(FILE_KEYS)("lets %s read no file of the server", (key) => {
    const recipe = { values: { [key]: "/etc/shadow" }, files: new Map(), locate: () => "recipe:1:1" };
    expect(() => checkRules(recipe as unknown as Parameters<typeof checkRules>[0], new Set())).toThrow(key);
  });
});
