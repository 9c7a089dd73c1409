import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "../system/process.ts";

const TYPES = ["ed25519", "ecdsa", "rsa"] as const;

/** A host key for ssh, in OpenSSH's form. */
export interface HostKey {
  readonly type: (typeof TYPES)[number];
  readonly privateKey: string;
  readonly publicKey: string;
}

/**
 * Makes the ssh host keys of a machine, of each kind that ssh-keygen -A makes. On the host it takes a moment; in a machine under
 * software emulation, seconds.
 *
 * @param comment what the public halves end in
 */
export async function makeHostKeys(comment: string): Promise<HostKey[]> {
  const folder = await mkdtemp(join(tmpdir(), "vmbuilder-keys-"));
  try {
    return await Promise.all(
      TYPES.map(async (type) => {
        const path = join(folder, type);
        await run(["ssh-keygen", "-q", "-t", type, "-N", "", "-C", comment, "-f", path]);
        const [privateKey, publicKey] = await Promise.all([readFile(path, "utf8"), readFile(`${path}.pub`, "utf8")]);
        return { type, privateKey, publicKey };
      }),
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
