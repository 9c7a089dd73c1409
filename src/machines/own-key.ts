import { chmod, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileError } from "../system/files.ts";
import { acquireLock } from "../system/lock.ts";
import { run } from "../system/process.ts";
import type { MachineStore } from "./store.ts";

/** vmbuilder's own key pair, with which it enters its machines as root. */
export interface OwnKey {
  /** Path of the private key, which only its owner can read. */
  readonly path: string;
  readonly publicPath: string;
  readonly publicKey: string;
}

/** Gives the own key pair, and makes it when there is none. */
export async function ownKey(store: MachineStore): Promise<OwnKey> {
  const path = join(store.directory, "id_ed25519");
  const publicPath = `${path}.pub`;
  const read = () => readFile(publicPath, "utf8");
  const publicKey = await read().catch(async () => {
    const release = await acquireLock(path);
    try {
      return await read().catch(() => makeKey(path).then(read));
    } finally {
      await release();
    }
  });
  return { path, publicPath, publicKey: publicKey.trim() };
}

/** The public key is what tells that both are there, so it takes its name last. */
async function makeKey(path: string): Promise<void> {
  const temporary = `${path}.new`;
  try {
    await Promise.all([rm(temporary, { force: true }), rm(`${temporary}.pub`, { force: true })]);
    await run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "vmbuilder", "-f", temporary]);
    await chmod(temporary, 0o600);
    await rename(temporary, path);
    await rename(`${temporary}.pub`, `${path}.pub`);
  } catch (error) {
    throw fileError(error, path);
  }
}
