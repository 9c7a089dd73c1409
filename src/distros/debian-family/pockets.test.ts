import { describe, expect, test } from "vitest";
import { type RecipeInput, recipeSchema } from "../../model/recipe.ts";
import { archivePockets } from "./pockets.ts";

const DEFAULTS = { main: "http://default.example.org/debian", security: "http://default.example.org/debian-security" };

function pockets(input: RecipeInput, defaults: Parameters<typeof archivePockets>[1] = DEFAULTS, suite = "trixie") {
  const shape = { hasUpdates: suite !== "sid", securityBeside: (mirror: string) => `${mirror}-security` };
  const found = archivePockets({ recipe: recipeSchema.parse(input), suite }, defaults, shape);
  return found.map((pocket) => [pocket.suite, pocket.uri, pocket.guestUri]);
}

describe("archivePockets", () => {
  test("takes the default mirrors", () => {
    expect(pockets({})).toEqual([
      ["trixie", DEFAULTS.main, DEFAULTS.main],
      ["trixie-updates", DEFAULTS.main, DEFAULTS.main],
      ["trixie-security", DEFAULTS.security, DEFAULTS.security],
    ]);
    expect(pockets({}, DEFAULTS, "sid")).toEqual([["sid", DEFAULTS.main, DEFAULTS.main]]);
  });

  test("looks for security updates beside the mirror", () => {
    const mirror = "http://mirror.example.org/debian";
    expect(pockets({ mirror: `${mirror}/` }).at(-1)).toEqual([
      "trixie-security",
      `${mirror}-security`,
      `${mirror}-security`,
    ]);
  });

  test("reads the install mirror, and leaves the mirror to the guest", () => {
    const near = "http://near.example.org/debian";
    expect(pockets({ "install-mirror": near })).toEqual([
      ["trixie", near, DEFAULTS.main],
      ["trixie-updates", near, DEFAULTS.main],
      ["trixie-security", `${near}-security`, DEFAULTS.security],
    ]);
    expect(
      pockets({
        "mirror": "http://mirror.example.org/debian",
        "install-mirror": near,
        "install-security-mirror": "http://near.example.org/sec",
        "security-mirror": "http://mirror.example.org/sec",
      }),
    ).toEqual([
      ["trixie", near, "http://mirror.example.org/debian"],
      ["trixie-updates", near, "http://mirror.example.org/debian"],
      ["trixie-security", "http://near.example.org/sec", "http://mirror.example.org/sec"],
    ]);
  });

  test("gives no guest a mirror that only the host can reach", () => {
    expect(pockets({ mirror: "/srv/debian" })[0]).toEqual(["trixie", "file:///srv/debian", DEFAULTS.main]);
    expect(pockets({ mirror: "http://127.0.0.1:3142/debian" })[0]?.[2]).toBe(DEFAULTS.main);
    const none = { main: undefined, security: undefined };
    expect(pockets({ mirror: "/srv/debian" }, none)[0]?.[2]).toBe("file:///srv/debian");
  });

  test("wants some mirror", () => {
    expect(() => pockets({}, { main: undefined, security: undefined })).toThrow("no mirror is known");
  });
});
