import { describe, expect, it } from "vitest";
import { recipeText } from "./recipe-wizard.ts";
import { parseRecipe } from "./recipe-yaml.ts";

const ANSWERS = { suite: "trixie", hostname: "web", user: "", key: "/k.pub", rootsize: "4G", mem: "", packages: [] };

describe("recipeText", () => {
  it("holds what was answered, with the key for whom it is", () => {
    expect(recipeText(ANSWERS)).toBe("suite: trixie\nhostname: web\nssh-key: /k.pub\nrootsize: 4G\n");
    const text = recipeText({ ...ANSWERS, user: "ann", mem: "512", packages: ["nginx"] });
    expect(parseRecipe(text, "web.yaml").values).toMatchObject({
      "user": "ann",
      "ssh-user-key": "/k.pub",
      "mem": 512,
      "addpkg": ["nginx"],
    });
    expect(text).not.toContain("ssh-key: ");
  });
});
