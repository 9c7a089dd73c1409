import { setTimeout as delay } from "node:timers/promises";
import { expect, it } from "vitest";
import { together } from "./together.ts";

it("gives what each has come to", async () => {
  expect(await together([delay(5, "one"), Promise.resolve(2)])).toEqual(["one", 2]);
});

it("throws an error when the others have ended, too", async () => {
  let ended = false;
  const slow = delay(20).then(() => {
    ended = true;
  });
  await expect(together([slow, Promise.reject(new Error("no"))])).rejects.toThrow("no");
  expect(ended).toBe(true);
});
