import { expect, it } from "vitest";
import { isSetLikewise } from "./head-start.ts";

const plan = (...scripts: string[]) => ({
  changes: { debconf: "", scripts: [], settings: scripts.map((content) => ({ name: "locale", content })) },
});

it("stands on a system of the same settings or none, never on one of others", () => {
  expect(isSetLikewise({}, plan("german"))).toBe(true);
  expect(isSetLikewise({ settings: [] }, plan())).toBe(true);
  expect(isSetLikewise({ settings: ["german"] }, plan("german"))).toBe(true);
  expect(isSetLikewise({ settings: ["german"] }, plan())).toBe(false);
  expect(isSetLikewise({ settings: ["german"] }, plan("french"))).toBe(false);
});
