import { readdir, readFile, rm } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join, resolve } from "node:path";
import { runStep } from "../core/context.ts";
import { Slots } from "../core/slots.ts";
import { type Checksum, formatChecksums, parseChecksums } from "../model/checksums.ts";
import { VmbuilderError } from "../model/errors.ts";
import type { EventSink } from "../model/events.ts";
import { BUILD_RECORD } from "../stages/destination.ts";
import { readSmallFile, sha256File, writeFileAtomically } from "../system/files.ts";
import { signByGpg, signByMinisign, verifyByGpg, verifyByMinisign } from "../system/signature.ts";

/** The file that is signed, and its signatures; names that sha256sum, gpg and minisign users know. */
export const CHECKSUMS = "SHA256SUMS";
const GPG_SIGNATURE = `${CHECKSUMS}.asc`;
const MINISIGN_SIGNATURE = `${CHECKSUMS}.minisig`;
/** What signing itself writes. */
export const OWN_FILES = [CHECKSUMS, GPG_SIGNATURE, MINISIGN_SIGNATURE];
const LARGEST_LIST_BYTES = 1024 * 1024;
const LARGEST_RECORD_BYTES = 64 * 1024 * 1024;

/** What is signed, and by whom. */
export interface SignRequest {
  readonly directory: string;
  /** Of gpg; undefined is its default key. */
  readonly key: string | undefined;
  /** File of a secret key of minisign, in gpg's place. */
  readonly minisignKey: string | undefined;
  readonly signal: AbortSignal;
  readonly emit: EventSink;
}

/**
 * Writes the hashes of a folder's files into one file, and signs that. What begins with a dot is private and stays out.
 *
 * @returns the files that were written
 * @throws artifact-changed when a file is not what the folder's build made, key-unusable, file-unreadable
 */
export async function signFolder({ directory, key, minisignKey, signal, emit }: SignRequest): Promise<string[]> {
  const folder = resolve(directory);
  const names = (await listFiles(folder)).filter((name) => !name.startsWith(".") && !OWN_FILES.includes(name));
  if (names.length === 0)
    throw new VmbuilderError("file-unreadable", `${directory} holds no file to sign`, { hint: "give a result folder" });
  const checksums = await runStep({ emit, signal }, "deploy/hash", "Hash the files", () =>
    hashFiles(folder, names, signal),
  );
  await refuseChanged(folder, checksums);
  const [list, signature] = [join(folder, CHECKSUMS), join(folder, minisignKey ? MINISIGN_SIGNATURE : GPG_SIGNATURE)];
  const isSame = (await readFile(list, "utf8").catch(() => "")) === formatChecksums(checksums);
  if (!isSame) for (const stale of [GPG_SIGNATURE, MINISIGN_SIGNATURE]) await rm(join(folder, stale), { force: true });
  await writeFileAtomically(list, formatChecksums(checksums));
  await runStep({ emit, signal }, "deploy/sign", "Sign the hashes", () =>
    minisignKey
      ? signByMinisign(list, signature, resolve(minisignKey), signal)
      : signByGpg(list, signature, key, signal),
  );
  return [list, signature];
}

/** What is verified, and whom it must come from. */
export interface VerifyRequest {
  readonly directory: string;
  /** File of public keys; undefined: whoever is in gpg's ring. */
  readonly key: string | undefined;
  /** Compare hashes alone. */
  readonly unsigned: boolean;
  readonly signal: AbortSignal;
  readonly emit: EventSink;
}

/** What a verification found. */
export interface Verification {
  /** Fingerprint or file of the key; undefined when only hashes were compared. */
  readonly signer: string | undefined;
  readonly files: readonly string[];
  /** Files of the folder that nobody vouches for. */
  readonly unlisted: readonly string[];
}

/**
 * Verifies that a folder holds what was signed, by whom it should be. The signature comes first: what isn't signed is not read.
 *
 * @throws signature-missing, signature-bad, artifact-changed
 */
export async function verifyFolder({ directory, key, unsigned, signal, emit }: VerifyRequest): Promise<Verification> {
  const folder = resolve(directory);
  const found = await listFiles(folder);
  const list = join(folder, CHECKSUMS);
  if (!found.includes(CHECKSUMS))
    throw new VmbuilderError("signature-missing", `${directory} has no ${CHECKSUMS}`, {
      hint: "whoever published it runs: vmbuilder sign DIR",
    });
  const signer = unsigned ? undefined : await checkSignature(folder, found, key, signal);
  const checksums = parseChecksums(await readSmallFile(list, LARGEST_LIST_BYTES), list);
  const missing = checksums.filter(({ name }) => !found.includes(name));
  if (missing.length > 0)
    throw changed(
      `${missing.map(({ name }) => name).join(", ")} ${missing.length > 1 ? "are" : "is"} missing in ${directory}`,
    );
  const names = checksums.map(({ name }) => name);
  const actual = await runStep({ emit, signal }, "check/hash", "Hash the files", () =>
    hashFiles(folder, names, signal),
  );
  const wrong = checksums.filter(({ sha256 }, index) => actual[index]?.sha256 !== sha256);
  if (wrong.length > 0)
    throw changed(`${wrong.map(({ name }) => join(directory, name)).join(", ")}: not what was signed`);
  return { signer, files: names, unlisted: found.filter((name) => !names.includes(name) && !OWN_FILES.includes(name)) };
}

async function checkSignature(folder: string, found: readonly string[], key: string | undefined, signal: AbortSignal) {
  const list = join(folder, CHECKSUMS);
  const isMinisign =
    key === undefined
      ? !found.includes(GPG_SIGNATURE) && found.includes(MINISIGN_SIGNATURE)
      : (await readSmallFile(key, LARGEST_LIST_BYTES)).startsWith("untrusted comment:");
  const name = isMinisign ? MINISIGN_SIGNATURE : GPG_SIGNATURE;
  if (!found.includes(name))
    throw new VmbuilderError("signature-missing", `${list} is not signed: there is no ${name}`, {
      hint: "sign it with vmbuilder sign; --unsigned compares the hashes alone, which protects from accidents only",
    });
  if (!isMinisign) return verifyByGpg(list, join(folder, name), key, signal);
  if (key === undefined)
    throw new VmbuilderError("key-unusable", `${list} is signed by minisign`, {
      hint: "give its public key by --key FILE",
    });
  return verifyByMinisign(list, join(folder, name), resolve(key), signal);
}

/** A machine that has run, and a file that was damaged since, must not be signed as what was built. */
async function refuseChanged(folder: string, checksums: readonly Checksum[]): Promise<void> {
  const text = await readSmallFile(join(folder, BUILD_RECORD), LARGEST_RECORD_BYTES).catch(() => undefined);
  if (text === undefined) return; // not a machine's folder: what `convert` made, for example
  const { artifacts = [] } = JSON.parse(text) as { artifacts?: Checksum[] };
  const now = new Map(checksums.map(({ name, sha256 }) => [name, sha256]));
  const other = artifacts.filter(({ name, sha256 }) => now.get(name) !== sha256).map(({ name }) => name);
  if (other.length === 0) return;
  throw new VmbuilderError("artifact-changed", `${other.join(", ")} in ${folder}: not what was built`, {
    hint: "a machine that has run has keys and logs of its own: build it again, and sign before it starts",
  });
}

/** Names of a folder's plain files, sorted. */
export async function listFiles(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((cause: unknown) => {
    throw new VmbuilderError("file-unreadable", `cannot read ${folder}`, { hint: "give a result folder", cause });
  });
  return entries
    .filter((entry) => entry.isFile())
    .map(({ name }) => name)
    .sort();
}

async function hashFiles(folder: string, names: readonly string[], signal: AbortSignal): Promise<Checksum[]> {
  const slots = new Slots(availableParallelism());
  return Promise.all(
    names.map((name) => slots.run(async () => ({ name, sha256: await sha256File(join(folder, name), signal) }))),
  );
}

function changed(message: string): VmbuilderError {
  return new VmbuilderError("artifact-changed", message, { hint: "fetch it again from whoever published it" });
}
