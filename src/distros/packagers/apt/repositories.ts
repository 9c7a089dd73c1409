import { readdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { pathToFileURL } from "node:url";
import { VmbuilderError } from "../../../model/errors.ts";
import type { AptSource } from "../../../model/package.ts";
import type { ExtraRepository } from "../../../model/plan.ts";
import { isFlat, plainFingerprint, type Repository, repositoryName } from "../../../model/repository.ts";
import { type DownloadOptions, downloadBytes } from "../../../system/download.ts";
import { makeDirectory, readSmallBytes, sha256Text, writeFileAtomically } from "../../../system/files.ts";
import { isHostOnly, type ResolvedSources } from "./archive.ts";
import { fetchPpaKey } from "./ppas.ts";
import { type PublicKey, readPublicKeys } from "./public-keys.ts";
import { checkComponents, fetchRelease } from "./release.ts";

const LARGEST_KEY_FILE_BYTES = 1024 * 1024;
/** Where a host keeps keys that its administrator trusts; a fingerprint alone names one of them. */
const HOST_KEYRINGS = ["/etc/apt/keyrings", "/usr/share/keyrings", "/etc/apt/trusted.gpg.d"];

/**
 * Reads the keys of the repositories that a recipe adds, and checks them as far as this host can.
 *
 * @throws recipe-invalid, file-unreadable, key-unusable
 */
export async function readRepositories(
  repositories: readonly Repository[],
  keyrings: readonly string[] = HOST_KEYRINGS,
): Promise<ExtraRepository[]> {
  const names = repositories.map(repositoryName);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined)
    throw new VmbuilderError("recipe-invalid", `two repositories are named ${twice}`, { hint: "give each a name" });
  return Promise.all(
    repositories.map(async (repository) => ({
      name: repositoryName(repository),
      uri: repository.uri.startsWith("/") ? pathToFileURL(repository.uri).href : repository.uri.replace(/\/+$/, ""),
      suite: repository.suite,
      components: componentsOf(repository),
      key: await readKey(repository, keyrings),
      fingerprint: repository.fingerprint === undefined ? undefined : plainFingerprint(repository.fingerprint),
      trusted: repository.trusted,
      checkValidUntil: repository["check-valid-until"],
    })),
  );
}

/**
 * Finds the repositories' releases, and puts their keys where apt reads them.
 *
 * @throws mirror-not-a-repository, component-unknown, key-unusable, release and download errors
 */
export async function findRepositories(
  repositories: readonly ExtraRepository[],
  machineSuite: string,
  cacheDirectory: string,
  options: DownloadOptions,
  nowMs: number,
): Promise<ResolvedSources> {
  const found = await Promise.all(
    repositories.map(async (repository) => {
      const { name, uri, suite = machineSuite, components, trusted, checkValidUntil } = repository;
      const release = await fetchRelease(uri, suite, options, nowMs, { trusted, checkValidUntil });
      if (!release)
        throw new VmbuilderError("mirror-not-a-repository", `${uri} has no suite ${suite}`, {
          hint: `check the address and the suite of the repository ${name}`,
        });
      checkComponents(release, components, `check the components of the repository ${name}`);
      const source: AptSource = {
        name,
        uri,
        suites: [suite],
        components,
        ...(trusted
          ? { keyring: "", trusted: true as const }
          : await keyringOf(await fetchKeys(repository, cacheDirectory, options), cacheDirectory)),
        ...(checkValidUntil ? {} : { checkValidUntil: false as const }),
      };
      return { source, release };
    }),
  );
  const sources = found.map(({ source }) => source);
  return {
    sources,
    guestSources: sources.filter(({ uri }) => !isHostOnly(uri)),
    releases: found.map(({ release }) => release),
  };
}

function componentsOf({ suite, components, ...repository }: Repository): string[] {
  if (isFlat(suite) && components !== undefined)
    throw new VmbuilderError("recipe-invalid", `${describe(repository)}: the suite ${suite} has no components`, {
      hint: "a suite that ends with a slash is a folder: leave the components out, or the slash",
    });
  return isFlat(suite) ? [] : [components ?? "main"].flat();
}

async function readKey(repository: Repository, keyrings: readonly string[]): Promise<Uint8Array | string | undefined> {
  const { key, fingerprint, trusted } = repository;
  if (trusted) {
    if (key === undefined && fingerprint === undefined) return undefined;
    throw new VmbuilderError("recipe-invalid", `${describe(repository)} is trusted, but has a key too`, {
      hint: "give the key alone, so that signatures are checked",
    });
  }
  if (key !== undefined && /^[a-z][a-z0-9+.-]*:/i.test(key)) {
    if (!key.startsWith("https://") && !isHostOnly(key))
      throw new VmbuilderError("recipe-invalid", `${describe(repository)}: its key ${key} has no https: address`);
    if (fingerprint !== undefined) return key;
    throw new VmbuilderError(
      "recipe-invalid",
      `${describe(repository)}: nothing says that the key ${key} is the right one`,
      {
        hint: "give its fingerprint too, or save the key to a file that you have checked",
      },
    );
  }
  if (key !== undefined) return joined(await readKeyFile(key), fingerprint, key);
  if (fingerprint !== undefined) return findKey(plainFingerprint(fingerprint), repository, keyrings);
  throw new VmbuilderError("recipe-invalid", `${describe(repository)} has no key to check its signature with`, {
    hint: "give a key file (signed-by=FILE) or a fingerprint; for an unsigned one that you trust: trusted=yes",
  });
}

async function readKeyFile(path: string): Promise<PublicKey[]> {
  return readPublicKeys(await readSmallBytes(path, LARGEST_KEY_FILE_BYTES), path);
}

async function findKey(fingerprint: string, repository: Repository, keyrings: readonly string[]): Promise<Buffer> {
  for (const directory of keyrings) {
    const names = (await readdir(directory).catch(() => [])).filter((name) => /\.(gpg|asc|pgp)$/.test(name)).sort();
    for (const name of names) {
      const keys = await readKeyFile(join(directory, name)).catch(() => []); // a look around, not more
      const key = keys.find((one) => one.fingerprint === fingerprint);
      if (key) return key.bytes;
    }
  }
  throw new VmbuilderError("recipe-invalid", `${describe(repository)}: no key ${fingerprint} is on this host`, {
    hint: `give the key's file too (signed-by=FILE); looked in ${keyrings.join(", ")}`,
  });
}

async function fetchKeys(
  { key, fingerprint, name, ppa }: ExtraRepository,
  cacheDirectory: string,
  options: DownloadOptions,
): Promise<Buffer> {
  if (ppa !== undefined) return fetchPpaKey(name, ppa, cacheDirectory, options);
  if (key instanceof Uint8Array) return Buffer.from(key);
  if (key === undefined || fingerprint === undefined) throw new VmbuilderError("recipe-invalid", `${name} has no key`);
  const bytes = await downloadBytes(key, { ...options, limitBytes: LARGEST_KEY_FILE_BYTES });
  return joined(readPublicKeys(bytes, key), fingerprint, key);
}

/** All keys of a file, or the one with the given fingerprint. */
function joined(keys: readonly PublicKey[], wanted: string | undefined, name: string): Buffer {
  const fingerprint = wanted === undefined ? undefined : plainFingerprint(wanted);
  const chosen = fingerprint === undefined ? keys : keys.filter((key) => key.fingerprint === fingerprint);
  if (chosen.length > 0) return Buffer.concat(chosen.map(({ bytes }) => bytes));
  throw new VmbuilderError("key-unusable", `${name} does not hold the key ${fingerprint}`, {
    hint: `it holds ${keys.map((key) => key.fingerprint).join(", ")}: do not use it unless you know why`,
  });
}

/** Keeps a keyring under the hash of its content, so that its path stands for it. */
async function keyringOf(bytes: Buffer, cacheDirectory: string) {
  const directory = join(cacheDirectory, "keys");
  const keyring = join(directory, `${sha256Text(bytes)}.gpg`);
  const known = await readSmallBytes(keyring, LARGEST_KEY_FILE_BYTES).catch(() => undefined);
  if (!known?.equals(bytes)) {
    await makeDirectory(directory);
    await writeFileAtomically(keyring, bytes);
  }
  const fingerprints = readPublicKeys(bytes, basename(keyring)).map(({ fingerprint }) => fingerprint);
  return { keyring, fingerprints, keys: bytes.toString("base64") };
}

function describe(repository: Pick<Repository, "name" | "uri">): string {
  return `repository ${repository.name ?? repository.uri}`;
}
