import { setImmediate } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { Slots } from "./slots.ts";

describe("Slots", () => {
  it("never runs more than it has places, and all of it in order", async () => {
    const slots = new Slots(2);
    const begun: number[] = [];
    let running = 0;
    let most = 0;
    const work = (i: number) =>
      slots.run(async () => {
        begun.push(i);
        most = Math.max(most, ++running);
        await setImmediate();
        running--;
        return i;
      });
    expect(await Promise.all([0, 1, 2, 3, 4, 5].map(work))).toEqual([0, 1, 2, 3, 4, 5]);
    expect(begun).toEqual([0, 1, 2, 3, 4, 5]);
    expect(most).toBe(2);
  });

  it("gives the place of failed work to the next", async () => {
    const slots = new Slots(1);
    const failing = slots.run(() => Promise.reject(new Error("no")));
    const next = slots.run(() => Promise.resolve("yes"));
    await expect(failing).rejects.toThrow("no");
    expect(await next).toBe("yes");
  });

  it("frees its place when work throws at once", async () => {
    const slots = new Slots(1);
    await expect(
      slots.run(() => {
        throw new Error("at once");
      }),
    ).rejects.toThrow("at once");
    expect(await slots.run(() => Promise.resolve(1))).toBe(1);
  });
});
