import { VmbuilderError } from "../../model/errors.ts";
import type { Plan } from "../../model/plan.ts";
import type { DownloadOptions } from "../../system/download.ts";
import {
  checkKeyring,
  findArchive,
  isHostOnly,
  mirrorUrl,
  type Pocket,
  type ResolvedSources,
} from "../packagers/apt/archive.ts";
import { debootstrapMirror, readHostSources } from "../packagers/apt/sources.ts";
import { DEBIAN_KEYRING } from "./keyring.ts";

const NO_UPDATES = new Set(["sid"]);

/** Addresses that are known without the recipe. */
export interface DefaultMirrors {
  readonly main: string | undefined;
  readonly security: string | undefined;
}

/** Mirrors when the recipe names none: the host's own if it is a Debian, else the one that debootstrap names. */
export async function defaultMirrors(): Promise<DefaultMirrors> {
  const sources = await readHostSources();
  const security = sources.find(({ suites }) => suites.some((suite) => suite.endsWith("-security")))?.uri;
  const main = sources.find(
    ({ uri, suites, components }) =>
      isDebian(uri) && components.includes("main") && suites.some((suite) => !suite.includes("-")),
  )?.uri;
  return { main: main ?? (await debootstrapMirror()), security: security && isDebian(security) ? security : undefined };
}

/**
 * Finds the suite, its updates and its security updates. Updates that a mirror doesn't carry are left out.
 *
 * @throws mirror-unknown, mirror-not-a-repository, file-unreadable, and release errors
 */
export async function resolveSources(plan: Plan, options: DownloadOptions, nowMs: number): Promise<ResolvedSources> {
  const pockets = archivePockets(plan, await defaultMirrors());
  const keyring = await checkKeyring(plan.recipe.keyring ?? DEBIAN_KEYRING, "debian-archive-keyring");
  return findArchive(pockets, { components: plan.recipe.components, keyring }, options, nowMs);
}

/**
 * The suite, its updates and its security updates, with the address where the build reads each and the one that the guest
 * keeps. A guest gets the default mirror in the place of one that only the host can reach.
 *
 * @throws mirror-unknown
 */
export function archivePockets({ recipe, suite }: Pick<Plan, "recipe" | "suite">, defaults: DefaultMirrors): Pocket[] {
  const told = address(recipe.mirror);
  const installMain = address(recipe["install-mirror"]) ?? told ?? defaults.main;
  if (installMain === undefined)
    throw new VmbuilderError("mirror-unknown", "no mirror is known", {
      hint: "give --mirror URL, or install debootstrap, which names one",
    });
  const guestMain = told ?? defaults.main ?? installMain;
  const toldSecurity = address(recipe["security-mirror"]);
  const installSecurity =
    address(recipe["install-security-mirror"]) ??
    toldSecurity ??
    securityBeside(installMain, recipe["install-mirror"] ?? recipe.mirror, defaults);
  const guestSecurity = toldSecurity ?? securityBeside(guestMain, recipe.mirror, defaults);
  const main = {
    name: recipe["install-mirror"] === undefined ? "mirror" : "install-mirror",
    uri: installMain,
    guestUri: reachable(guestMain, defaults.main),
  };
  const security = {
    name: recipe["install-security-mirror"] === undefined ? "security-mirror" : "install-security-mirror",
    uri: installSecurity,
    guestUri: reachable(guestSecurity, defaults.security),
  };
  return NO_UPDATES.has(suite)
    ? [{ ...main, suite }]
    : [
        { ...main, suite },
        { ...main, suite: `${suite}-updates` },
        { ...security, suite: `${suite}-security` },
      ];
}

function address(mirror: string | undefined): string | undefined {
  return mirror === undefined ? undefined : mirrorUrl(mirror);
}

/** Security updates of a mirror: where the host has them when no mirror was told, else beside it under the customary name. */
function securityBeside(main: string, told: string | undefined, defaults: DefaultMirrors): string {
  return (told === undefined ? defaults.security : undefined) ?? `${main}-security`;
}

function reachable(uri: string, fallback: string | undefined): string {
  return isHostOnly(uri) ? (fallback ?? uri) : uri;
}

function isDebian(uri: string): boolean {
  return /\/debian(-security)?\/?$/.test(uri);
}
