import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { acquireLock } from "./lock.ts";

let sequence = 0;
const freshName = () => `test ${process.pid} ${sequence++}`;
/** Resolves to whether the lock was taken within a quarter of a second. */
async function isFree(name: string): Promise<boolean> {
  try {
    await (await acquireLock(name, AbortSignal.timeout(250)))();
    return true;
  } catch {
    return false;
  }
}

describe("acquireLock", () => {
  it("excludes others until it is released, and only under its name", async () => {
    const name = freshName();
    const release = await acquireLock(name);
    expect(await isFree(name)).toBe(false);
    expect(await isFree(freshName())).toBe(true);
    await release();
    expect(await isFree(name)).toBe(true);
  });

  it("takes names of any length and with any bytes", async () => {
    const release = await acquireLock("/ü\0\n".repeat(1000));
    await release();
  });

  it("is given back by the kernel when its holder is killed", async () => {
    const name = freshName();
    const program = `const { acquireLock } = await import(${JSON.stringify(join(import.meta.dirname, "lock.ts"))});
      await acquireLock(${JSON.stringify(name)}); console.log("held"); setInterval(() => {}, 1000);`;
    const holder = spawn(process.execPath, [
      "--disable-warning=ExperimentalWarning",
      "--input-type=module",
      "-e",
      program,
    ]);
    await once(holder.stdout, "data");
    expect(await isFree(name)).toBe(false);
    const gone = once(holder, "exit");
    holder.kill("SIGKILL");
    await gone;
    expect(await isFree(name)).toBe(true);
  });
});
