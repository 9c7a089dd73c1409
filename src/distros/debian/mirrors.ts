import { access } from "node:fs/promises";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { VmbuilderError } from "../../model/errors.ts";
import type { AptSource } from "../../model/package.ts";
import type { Plan } from "../../model/plan.ts";
import type { DownloadOptions } from "../../system/download.ts";
import { fetchRelease, type Release } from "../packagers/apt/release.ts";
import { debootstrapMirror, readHostSources } from "../packagers/apt/sources.ts";
import { DEBIAN_KEYRING } from "./keyring.ts";

/** Sources of a build with the releases that were found there. */
export interface ResolvedSources {
  readonly sources: readonly AptSource[];
  readonly releases: readonly Release[];
}

const NO_UPDATES = new Set(["sid"]);

/** Mirrors when the recipe names none: the host's own if it is a Debian, else the one that debootstrap names. */
export async function defaultMirrors(): Promise<{ main: string | undefined; security: string | undefined }> {
  const sources = await readHostSources();
  const security = sources.find(({ suites }) => suites.some((suite) => suite.endsWith("-security")))?.uri;
  const main = sources.find(
    ({ uri, suites, components }) =>
      isDebian(uri) && components.includes("main") && suites.some((suite) => !suite.includes("-")),
  )?.uri;
  return { main: main ?? (await debootstrapMirror()), security: security && isDebian(security) ? security : undefined };
}

/** A mirror as the recipe has it: a URL, `file:` or a path. */
export function mirrorUrl(mirror: string): string {
  if (/^(https?|file):/.test(mirror)) return mirror.replace(/\/+$/, "");
  if (/^[a-z+]+:/.test(mirror))
    throw new VmbuilderError("recipe-invalid", `mirror "${mirror}" is no http:, https: or file: address`);
  return pathToFileURL(resolve(mirror)).href;
}

/**
 * Finds the suite, its updates and its security updates. Updates that a mirror doesn't carry are left out.
 *
 * @throws mirror-unknown, mirror-not-a-repository, file-unreadable, and release errors
 */
export async function resolveSources(plan: Plan, options: DownloadOptions, nowMs: number): Promise<ResolvedSources> {
  const { recipe, suite } = plan;
  const defaults = await defaultMirrors();
  const chosen = recipe.mirror === undefined ? defaults.main : mirrorUrl(recipe.mirror);
  if (chosen === undefined)
    throw new VmbuilderError("mirror-unknown", "no mirror is known", {
      hint: "give --mirror URL, or install debootstrap, which names one",
    });
  const keyring = await checkKeyring(recipe.keyring ?? DEBIAN_KEYRING);
  const secondary = NO_UPDATES.has(suite)
    ? []
    : [{ mirror: chosen, suite: `${suite}-updates` }, ...securityCandidates(plan, chosen, defaults.security)];
  const [main, ...others] = await Promise.all([
    fetchRelease(chosen, suite, options, nowMs),
    ...secondary.map((one) => fetchRelease(one.mirror, one.suite, options, nowMs)),
  ]);
  if (!main)
    throw new VmbuilderError("mirror-not-a-repository", `${chosen} has no suite ${suite}`, {
      hint: "check --mirror and --suite",
    });
  const source = (uri: string, suites: string[]): AptSource => ({
    uri,
    suites,
    components: recipe.components,
    keyring,
  });
  const found = secondary.filter((_, i) => others[i] !== undefined);
  const updates = found.filter(({ suite: name }) => name.endsWith("-updates")).map(({ suite: name }) => name);
  const security = found.find(({ suite: name }) => name.endsWith("-security"));
  return {
    sources: [source(chosen, [suite, ...updates]), ...(security ? [source(security.mirror, [security.suite])] : [])],
    releases: [main, ...others.filter((release) => release !== undefined)],
  };
}

/** Where security updates may be: as told, or where the host has them, or beside the mirror under the customary name. */
function securityCandidates(
  plan: Plan,
  main: string,
  hostSecurity: string | undefined,
): { mirror: string; suite: string }[] {
  const suite = `${plan.suite}-security`;
  const told = plan.recipe["security-mirror"];
  if (told !== undefined) return [{ mirror: mirrorUrl(told), suite }];
  if (plan.recipe.mirror === undefined && hostSecurity) return [{ mirror: hostSecurity, suite }];
  return [{ mirror: `${main}-security`, suite }];
}

async function checkKeyring(path: string): Promise<string> {
  const keyring = resolve(path);
  await access(keyring).catch((cause: unknown) => {
    throw new VmbuilderError("file-unreadable", `no keyring at ${keyring}`, {
      hint: "install debian-archive-keyring, or give --keyring FILE",
      cause,
    });
  });
  return keyring;
}

function isDebian(uri: string): boolean {
  return /\/debian(-security)?\/?$/.test(uri);
}
