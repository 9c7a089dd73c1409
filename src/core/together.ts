/** Waits until all have ended, so that nothing works on when its folder is removed; then throws the first error, if there is one. */
export async function together<T extends readonly unknown[]>(
  all: readonly [...{ [K in keyof T]: Promise<T[K]> }],
): Promise<T> {
  await Promise.allSettled(all);
  return (await Promise.all(all)) as unknown as T;
}
