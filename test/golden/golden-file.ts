import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { expect } from "vitest";

const EXPECTED = join(import.meta.dirname, "expected");

/** Compares a text with its file under expected/; `UPDATE_GOLDEN=1` writes the file instead. */
export async function expectGolden(name: string, text: string): Promise<void> {
  const path = join(EXPECTED, name);
  if (process.env.UPDATE_GOLDEN) {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
  }
  expect(text).toBe(await readFile(path, "utf8"));
}
