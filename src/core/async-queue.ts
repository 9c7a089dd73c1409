/** A queue between a producer and any number of consumers; each item goes to one of them. */
export class AsyncQueue<T> implements AsyncIterator<T, undefined> {
  #items: T[] = [];
  #waiting: PromiseWithResolvers<IteratorResult<T, undefined>>[] = [];
  #end: { error?: unknown } | undefined;

  push(item: T): void {
    const waiting = this.#waiting.shift();
    if (waiting) waiting.resolve({ done: false, value: item });
    else this.#items.push(item);
  }

  /** No more items will come. */
  close(): void {
    this.#end ??= {};
    for (const { resolve } of this.#waiting.splice(0)) resolve({ done: true, value: undefined });
  }

  /** Nothing more will come, because of an error: every consumer gets it. */
  fail(error: unknown): void {
    this.#end ??= { error };
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }

  async next(): Promise<IteratorResult<T, undefined>> {
    if (this.#end && "error" in this.#end) throw this.#end.error;
    const item = this.#items.shift();
    if (item !== undefined) return { done: false, value: item };
    if (this.#end) return { done: true, value: undefined };
    const waiting = Promise.withResolvers<IteratorResult<T, undefined>>();
    this.#waiting.push(waiting);
    return waiting.promise;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
