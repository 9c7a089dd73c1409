import { describe, expect, it } from "vitest";
import { AsyncQueue } from "./async-queue.ts";

async function drain<T>(queue: AsyncQueue<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of queue) items.push(item);
  return items;
}

describe("AsyncQueue", () => {
  it("gives items in order, those from before the close included", async () => {
    const queue = new AsyncQueue<number>();
    queue.push(1);
    queue.push(2);
    queue.close();
    expect(await drain(queue)).toEqual([1, 2]);
  });

  it("gives each item to one consumer, and ends them all", async () => {
    const queue = new AsyncQueue<number>();
    const consumers = [drain(queue), drain(queue), drain(queue)];
    for (let i = 0; i < 10; i++) queue.push(i);
    queue.close();
    const taken = (await Promise.all(consumers)).flat();
    expect(taken.sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it("fails whoever waits and whoever comes later, with items still there", async () => {
    const queue = new AsyncQueue<number>();
    const waiting = expect(queue.next()).rejects.toThrow("broken");
    queue.fail(new Error("broken"));
    queue.push(1);
    await waiting;
    await expect(queue.next()).rejects.toThrow("broken");
  });

  it("keeps its first end", async () => {
    const closed = new AsyncQueue<number>();
    closed.close();
    closed.fail(new Error("too late"));
    expect(await closed.next()).toEqual({ done: true, value: undefined });
    const failed = new AsyncQueue<number>();
    failed.fail(new Error("first"));
    failed.close();
    await expect(failed.next()).rejects.toThrow("first");
  });
});
