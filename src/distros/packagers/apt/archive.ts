import { existsSync } from "node:fs";
import { access } from "node:fs/promises";
import { resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { VmbuilderError } from "../../../model/errors.ts";
import type { AptSource } from "../../../model/package.ts";
import type { Recipe } from "../../../model/recipe.ts";
import type { DownloadOptions } from "../../../system/download.ts";
import { checkComponents, fetchRelease, type Release } from "./release.ts";

/** One suite of a distribution's archive, at one address. */
export interface Pocket {
  /** The recipe's key of this address. */
  readonly name: string;
  readonly uri: string;
  readonly suite: string;
  /** Where the guest's apt will look for it. */
  readonly guestUri: string;
}

/** An image that takes the archive's place. */
export interface ArchiveMedia {
  readonly path: string;
  readonly trusted: boolean;
  /** Copies the indices of a suite to where apt can read them. @returns their address */
  copyIndices(suite: string, components: readonly string[]): Promise<string>;
}

/** What all suites of an archive have in common. */
export type ArchiveSource = Pick<AptSource, "components" | "keyring" | "checkValidUntil">;

/** The part of {@link ArchiveSource} that says whether suites past their date are used, as the recipe wants it. */
export function dateRule(recipe: Pick<Recipe, "mirror-expired">): Pick<ArchiveSource, "checkValidUntil"> {
  return recipe["mirror-expired"] ? { checkValidUntil: false } : {};
}

/** How to reach an archive. */
export interface ArchiveOptions extends DownloadOptions {
  readonly media?: ArchiveMedia;
}

/** Sources of a build with the releases that were found there. */
export interface ResolvedSources {
  readonly sources: readonly AptSource[];
  /** What the guest's own apt will use. */
  readonly guestSources: readonly AptSource[];
  readonly releases: readonly Release[];
  /** The image, and the address that stands for it in the packages' addresses. */
  readonly media?: { readonly path: string; readonly uri: string };
}

/**
 * Finds the suites of an archive. The first one must be there; others that a mirror doesn't carry are left out. The guest
 * gets the suites that were found, or all of them where the build reads another mirror than the guest will.
 *
 * @throws mirror-not-a-repository, component-unknown, suite-unknown for an image's, and release errors
 */
export async function findArchive(
  pockets: readonly Pocket[],
  source: ArchiveSource,
  options: ArchiveOptions,
  nowMs: number,
): Promise<ResolvedSources> {
  if (options.media) return findOnMedia(options.media, pockets, source, options, nowMs);
  const rules = { checkValidUntil: source.checkValidUntil ?? true };
  const releases = await Promise.all(pockets.map(({ uri, suite }) => fetchRelease(uri, suite, options, nowMs, rules)));
  const [main] = pockets;
  if (main?.uri.startsWith("file:") && !releases[0] && !existsSync(fileURLToPath(main.uri)))
    throw new VmbuilderError("mirror-unknown", `there is no mirror at ${fileURLToPath(main.uri)}`, {
      hint: "check --mirror: it names a folder that holds dists and pool, or an address",
    });
  if (main && !releases[0])
    throw new VmbuilderError("mirror-not-a-repository", `${main.uri} has no suite ${main.suite}`, {
      hint: "check --mirror and --suite",
    });
  if (releases[0]) checkComponents(releases[0], source.components, "check --components");
  const found = pockets.filter((_, i) => releases[i] !== undefined);
  const kept = pockets.filter((pocket) => found.includes(pocket) || pocket.guestUri !== pocket.uri);
  return {
    sources: groupByAddress(found, ({ uri }) => uri).map((group) => ({ ...group, ...source })),
    guestSources: groupByAddress(kept, ({ guestUri }) => guestUri).map((group) => ({ ...group, ...source })),
    releases: releases.filter((release) => release !== undefined),
  };
}

/** An image has the suite as it was released; where updates are is for the guest to ask. */
async function findOnMedia(
  { path, trusted, copyIndices }: ArchiveMedia,
  pockets: readonly Pocket[],
  source: ArchiveSource,
  options: DownloadOptions,
  nowMs: number,
): Promise<ResolvedSources> {
  const suite = pockets[0]?.suite ?? "";
  const uri = await copyIndices(suite, source.components);
  const release = await fetchRelease(uri, suite, options, nowMs, { trusted }).catch((error: unknown) => {
    throw error instanceof VmbuilderError && error.code === "release-unsigned" ? unsignedMedia(path, suite) : error;
  });
  if (!release) throw new VmbuilderError("mirror-not-a-repository", `${path} has no release of ${suite}`);
  checkComponents(release, source.components, "check --components");
  const guest = groupByAddress(pockets, ({ guestUri }) => guestUri).map((group) => ({ ...group, ...source }));
  const media = { uri, suites: [suite], ...source, ...(trusted ? { trusted: true as const } : {}) };
  return { sources: [media], guestSources: guest, releases: [release], media: { path, uri } };
}

function unsignedMedia(path: string, suite: string): VmbuilderError {
  return new VmbuilderError("release-unsigned", `the suite ${suite} of ${path} is not signed`, {
    hint: "compare the file with its published and signed checksum, then use it with --iso-unsigned",
  });
}

function groupByAddress(pockets: readonly Pocket[], addressOf: (pocket: Pocket) => string) {
  const groups = Map.groupBy(pockets, (pocket) => `${pocket.name} ${addressOf(pocket)}`);
  return [...groups.values()].map((group) => ({
    uri: group.map(addressOf)[0] ?? "",
    suites: group.map(({ suite }) => suite),
  }));
}

/** A mirror as the recipe has it: a URL, `file:` or a path. */
export function mirrorUrl(mirror: string): string {
  if (/^(https?|file):/.test(mirror)) return mirror.replace(/\/+$/, "");
  if (/^[a-z+]+:/.test(mirror))
    throw new VmbuilderError("recipe-invalid", `mirror "${mirror}" is no http:, https: or file: address`);
  return pathToFileURL(resolve(mirror)).href;
}

/** True for what only the host can reach, a file or its loopback: a guest could never use it. */
export function isHostOnly(uri: string): boolean {
  return /^file:|^https?:\/\/(localhost|127\.[0-9.]+|\[::1\])(:\d+)?(\/|$)/.test(uri);
}

/** @throws file-unreadable, which names the package that brings the keyring */
export async function checkKeyring(path: string, debianPackage: string): Promise<string> {
  const keyring = resolve(path);
  await access(keyring).catch((cause: unknown) => {
    throw new VmbuilderError("file-unreadable", `no keyring at ${keyring}`, {
      hint: `install ${debianPackage}, or give --keyring FILE`,
      cause,
    });
  });
  return keyring;
}
