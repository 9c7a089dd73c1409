import type { Plan } from "../../model/plan.ts";
import type { DownloadOptions } from "../../system/download.ts";
import { archivePockets, type DefaultMirrors } from "../debian-family/pockets.ts";
import { checkKeyring, dateRule, findArchive, type ResolvedSources } from "../packagers/apt/archive.ts";
import { debootstrapMirror, readHostSources } from "../packagers/apt/sources.ts";
import { DEBIAN_KEYRING } from "./keyring.ts";

const NO_UPDATES = new Set(["sid"]);

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
  const pockets = archivePockets(plan, await defaultMirrors(), {
    hasUpdates: !NO_UPDATES.has(plan.suite),
    securityBeside: (mirror) => `${mirror}-security`,
  });
  const keyring = await checkKeyring(plan.recipe.keyring ?? DEBIAN_KEYRING, "debian-archive-keyring");
  return findArchive(
    pockets,
    { components: plan.recipe.components, keyring, ...dateRule(plan.recipe) },
    options,
    nowMs,
  );
}

function isDebian(uri: string): boolean {
  return /\/debian(-security)?\/?$/.test(uri);
}
