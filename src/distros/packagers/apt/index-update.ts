import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { type CacheObject, commitObject, findObject, verifyObject, withObjectLock } from "../../../core/cache.ts";
import type { BuildContext } from "../../../core/context.ts";
import { VmbuilderError } from "../../../model/errors.ts";
import type { AptSource } from "../../../model/package.ts";
import { sha256File } from "../../../system/files.ts";
import { CommandError, run } from "../../../system/process.ts";
import { type IsolatedApt, isolateApt } from "./configuration.ts";
import type { Release } from "./release.ts";

/**
 * Makes apt's package lists for sources whose releases have been fetched: from the cache when the very same releases
 * were verified before, else by `apt-get update`.
 *
 * @throws release-untrusted, release-expired, index-corrupt, mirror-changed, mirror-unreachable
 */
export async function updateIndex(
  key: string,
  sources: readonly AptSource[],
  releases: readonly Release[],
  architecture: string,
  proxy: string | undefined,
  context: BuildContext,
): Promise<IsolatedApt> {
  const isolated = (lists: string) =>
    isolateApt(join(context.workDirectory, "apt"), lists, sources, architecture, proxy);
  const title = releases.map((release) => release.url).join(" ");
  const object = await withObjectLock(context.cache, "index", key, context.signal, async () => {
    const cached = await cachedIndex(key, context);
    if (cached) return cached;
    return commitObject(context.cache, "index", key, title, async (lists) => {
      await mkdir(join(lists, "partial"));
      await aptUpdate(await isolated(lists), context);
      await checkSameReleases(lists, releases);
      for (const part of ["partial", "auxfiles", "lock"]) await rm(join(lists, part), { recursive: true, force: true });
      return null;
    });
  });
  return isolated(object.directory);
}

async function cachedIndex(key: string, context: BuildContext): Promise<CacheObject | undefined> {
  const object = await findObject(context.cache, "index", key);
  return object && (await verifyObject(context.cache, object, context.signal)) ? object : undefined;
}

async function aptUpdate(apt: IsolatedApt, context: BuildContext): Promise<void> {
  try {
    await run(["apt-get", "--quiet=2", "--error-on=any", "-o", "pkgCacheFile::Generate=false", "update"], {
      env: apt.env,
      signal: context.signal,
    });
  } catch (error) {
    throw error instanceof CommandError ? updateError(error) : error;
  }
}

/** The mirror may change between our look and apt's: then what apt verified isn't what the key was made from. */
async function checkSameReleases(lists: string, releases: readonly Release[]): Promise<void> {
  const names = (await readdir(lists)).filter((name) => name.endsWith("Release"));
  const verified = new Set(await Promise.all(names.map((name) => sha256File(join(lists, name)))));
  const changed = releases.find(({ sha256 }) => !verified.has(sha256));
  if (!changed) return;
  throw new VmbuilderError("mirror-changed", `${changed.url} changed while it was read`, {
    hint: "run the same command again",
  });
}

function updateError(error: CommandError): VmbuilderError {
  const text = error.stderr;
  const lines = text.split("\n");
  // Where there is a wrong signature, apt's last word is that there is none.
  const line = (
    lines.find((one) => one.includes("GPG error: ")) ??
    lines.find((one) => one.startsWith("E: ") || one.startsWith("Err:")) ??
    error.message
  ).replace(/^.*GPG error: |^E: /, "");
  const fail = (code: ConstructorParameters<typeof VmbuilderError>[0], hint: string) =>
    new VmbuilderError(code, line.trim(), { hint, detail: text.trim(), cause: error });
  if (
    /NO_PUBKEY|EXPKEYSIG|REVKEYSIG|BADSIG|not signed|no valid OpenPGP|signatures? (?:were|was|couldn't|could not)|Missing key|Signed file isn't valid|NODATA/i.test(
      text,
    )
  ) {
    return fail(
      "release-untrusted",
      "the signature is not of a key that is trusted for this source: check --keyring FILE, or the repository's key",
    );
  }
  if (/is expired|Valid-Until/i.test(text))
    return fail("release-expired", "the mirror is no longer updated: use another --mirror");
  if (/not valid yet/i.test(text)) return fail("release-future", "check this machine's clock");
  if (/Hash Sum mismatch|unexpected size|Mirror sync|could not be parsed|Data corrupted|corrupt/i.test(text)) {
    return fail("index-corrupt", "the mirror is being updated or damaged: try again, or another --mirror");
  }
  if (/No space left/i.test(text))
    return fail("disk-full", "free some space, or choose another place with --cache-dir");
  if (/does not have a Release file|404 /i.test(text))
    return fail("mirror-not-a-repository", "check --mirror, --suite and --components");
  return fail("mirror-unreachable", "check the network and --mirror");
}
