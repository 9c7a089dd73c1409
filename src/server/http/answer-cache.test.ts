import { expect, it } from "vitest";
import { createAnswerCache } from "./answer-cache.ts";

it("makes an answer once for each key, and anew when the version is another", async () => {
  const cache = createAnswerCache();
  let made = 0;
  const make = async () => String(++made);
  expect(await Promise.all([cache.get("1", "a", make), cache.get("1", "a", make)])).toEqual(["1", "1"]);
  expect(await cache.get("1", "b", make)).toBe("2");
  expect(await cache.get("2", "a", make)).toBe("3");
});

it("keeps no failure", async () => {
  const cache = createAnswerCache();
  await expect(cache.get("1", "a", () => Promise.reject(new Error("busy")))).rejects.toThrow("busy");
  expect(await cache.get("1", "a", async () => "there")).toBe("there");
});
