import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { VmbuilderError } from "../model/errors.ts";
import { readSmallBytes } from "./files.ts";
import { CommandError, cleanEnvironment, run } from "./process.ts";

/** What gpg needs to find its keys and to ask for a passphrase in its own window or on the terminal. */
const GPG_VARIABLES = [
  "GNUPGHOME",
  "GPG_TTY",
  "DISPLAY",
  "WAYLAND_DISPLAY",
  "XDG_RUNTIME_DIR",
  "DBUS_SESSION_BUS_ADDRESS",
];
const LARGEST_KEY_BYTES = 1024 * 1024;

function gpgEnvironment(): Record<string, string> {
  const given = GPG_VARIABLES.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : []));
  return { ...cleanEnvironment(), ...Object.fromEntries(given) };
}

/**
 * Signs a file beside it, by the user's gpg.
 *
 * @param key id, fingerprint or name of the key; undefined: gpg's default
 * @throws key-unusable, command-missing
 */
export async function signByGpg(
  path: string,
  target: string,
  key: string | undefined,
  signal: AbortSignal,
): Promise<void> {
  const chosen = key === undefined ? [] : ["--local-user", key];
  const argv = [
    "gpg",
    "--batch",
    "--yes",
    "--quiet",
    "--armor",
    ...chosen,
    "--output",
    target,
    "--detach-sign",
    "--",
    path,
  ];
  await run(argv, { env: gpgEnvironment(), signal }).catch((cause: unknown) => {
    throw unusable(key === undefined ? "gpg has no key to sign with" : `gpg cannot sign with ${key}`, cause, signal);
  });
}

/**
 * Signs a file beside it, by minisign. Its key must have no password, since there is nobody to ask.
 *
 * @throws key-unusable, command-missing
 */
export async function signByMinisign(path: string, target: string, key: string, signal: AbortSignal): Promise<void> {
  const argv = ["minisign", "-S", "-s", key, "-m", path, "-x", target];
  await run(argv, { signal, input: "\n" }).catch((cause: unknown) => {
    throw unusable(`minisign cannot sign with ${key}`, cause, signal, "a key without password: minisign -G -W");
  });
}

/**
 * Verifies a signature that was made by gpg, against a file of public keys, or against the user's own ring.
 *
 * @returns who signed: the fingerprint of the key
 * @throws signature-bad, key-unusable, command-missing
 */
export async function verifyByGpg(
  path: string,
  signature: string,
  keyFile: string | undefined,
  signal: AbortSignal,
): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "vmbuilder-keys-"));
  try {
    let argv = ["gpg", "--batch", "--no-auto-key-retrieve", "--status-fd", "1", "--verify", "--", signature, path];
    if (keyFile !== undefined) {
      const ring = join(folder, "keys.gpg");
      await writeFile(ring, dearmor(await readSmallBytes(keyFile, LARGEST_KEY_BYTES)));
      argv = ["gpgv", "--status-fd", "1", "--keyring", ring, signature, path];
    }
    const { stdout } = await run(argv, { env: gpgEnvironment(), signal }).catch((cause: unknown) => {
      if (signal.aborted || !(cause instanceof CommandError)) throw cause;
      throw bad(path, whyBad(cause.stdout), cause);
    });
    const signer = /^\[GNUPG:\] VALIDSIG ([0-9A-F]+)/m.exec(stdout)?.[1];
    // gpg ends well for keys that expired or were revoked since; the status lines tell
    if (signer === undefined || /^\[GNUPG:\] (REVKEYSIG|EXPKEYSIG|EXPSIG|BADSIG|ERRSIG)/m.test(stdout))
      throw bad(path, whyBad(stdout));
    return signer;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * Verifies a signature that was made by minisign.
 *
 * @returns who signed: the file of the key
 * @throws signature-bad, command-missing
 */
export async function verifyByMinisign(
  path: string,
  signature: string,
  key: string,
  signal: AbortSignal,
): Promise<string> {
  await run(["minisign", "-V", "-p", key, "-m", path, "-x", signature], { signal }).catch((cause: unknown) => {
    if (signal.aborted || !(cause instanceof CommandError)) throw cause;
    throw bad(path, `minisign says: ${cause.stderr.trim().split("\n").at(-1)}`, cause);
  });
  return key;
}

function whyBad(status: string): string {
  if (/\[GNUPG:\] NO_PUBKEY/.test(status))
    return `its key ${/NO_PUBKEY ([0-9A-F]+)/.exec(status)?.[1]} is not among the trusted ones`;
  if (/\[GNUPG:\] (REVKEYSIG|KEYREVOKED)/.test(status)) return "its key was revoked";
  if (/\[GNUPG:\] (EXPKEYSIG|EXPSIG|KEYEXPIRED)/.test(status)) return "it or its key has expired";
  if (/\[GNUPG:\] BADSIG/.test(status)) return "it was made for something else";
  return "it is damaged";
}

function bad(path: string, why: string, cause?: unknown): VmbuilderError {
  return new VmbuilderError("signature-bad", `${path}: the signature does not hold: ${why}`, {
    hint: "fetch the folder again, and check whose key you trust",
    cause,
  });
}

function unusable(what: string, cause: unknown, signal: AbortSignal, hint = "see: gpg --list-secret-keys"): unknown {
  if (signal.aborted || !(cause instanceof CommandError)) return cause;
  const why = cause.stderr.trim().split("\n").at(-1) ?? "";
  return new VmbuilderError("key-unusable", `${what}: ${why}`, { hint, cause });
}

/** gpgv reads no armor. */
function dearmor(file: Buffer): Buffer {
  const armor =
    /-----BEGIN PGP PUBLIC KEY BLOCK-----\r?\n(?:[^\r\n]+\r?\n)*\r?\n([A-Za-z0-9+/=\s]*?)(?:\r?\n=[A-Za-z0-9+/]{4})?\s*-----END/g;
  const blocks = [...file.toString("latin1").matchAll(armor)].map(([, text]) => Buffer.from(text ?? "", "base64"));
  return blocks.length > 0 ? Buffer.concat(blocks) : file;
}
