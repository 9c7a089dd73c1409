import type { Plan } from "../../model/plan.ts";
import type { DownloadOptions } from "../../system/download.ts";
import { hostArchitecture } from "../../system/foreign-programs.ts";
import { archivePockets, type DefaultMirrors } from "../debian-family/pockets.ts";
import { checkKeyring, dateRule, findArchive, type ResolvedSources } from "../packagers/apt/archive.ts";
import { readDebootstrapScript, scriptMirror } from "../packagers/apt/debootstrap-script.ts";
import { type HostSource, readHostSources } from "../packagers/apt/sources.ts";
import { COMPONENTS, UBUNTU_KEYRING } from "./archive-names.ts";
import { findSuite, isArchived, readSuites, type Suite } from "./suites.ts";

/** What is known of mirrors on a host. */
export interface MirrorKnowledge {
  readonly hostSources: readonly HostSource[];
  /** The script of debootstrap's that serves Ubuntu's suites. */
  readonly script: string | undefined;
  readonly hostArchitecture: string;
}

/**
 * Mirrors when the recipe names none: the host's own if it is an Ubuntu of that architecture, else what debootstrap names
 * for it; for a suite that the mirrors no longer carry, the archive of old releases.
 */
export function defaultMirrors(
  suite: Suite,
  architecture: string,
  today: string,
  { hostSources, script = "", hostArchitecture }: MirrorKnowledge,
): DefaultMirrors {
  const named = (ARCH: string, SUITE: string) => scriptMirror(script, { ARCH, SUITE, CODENAME: SUITE });
  if (isArchived(suite, today)) {
    // it holds all architectures
    const main = named("amd64", suite.codename);
    const isKnown = main !== named("amd64", "devel");
    const old = isKnown ? main : named("amd64", LONG_ARCHIVED);
    return { main: old, security: old };
  }
  const ours = architecture === hostArchitecture ? hostSources.filter(({ uri }) => isUbuntu(uri)) : [];
  const main =
    ours.find(({ suites, components }) => components.includes("main") && suites.some((one) => !one.includes("-")))
      ?.uri ?? named(architecture, suite.codename);
  const security = ours.find(({ suites }) => suites.some((one) => one.endsWith("-security")))?.uri;
  return { main, security: security ?? main };
}

/** A suite of which every debootstrap knows that the mirrors no longer carry it. */
const LONG_ARCHIVED = "hardy";

/**
 * Finds the suite, its updates and its security updates, which Ubuntu's mirrors carry, too.
 *
 * @throws mirror-unknown, mirror-not-a-repository, file-unreadable, and release errors
 */
export async function resolveSources(plan: Plan, options: DownloadOptions, nowMs: number): Promise<ResolvedSources> {
  const today = new Date(nowMs).toISOString().slice(0, 10);
  const suites = await readSuites();
  const suite = findSuite(suites, plan.suite, today);
  const newestFirst = suites.map(({ codename }) => codename).reverse();
  const defaults = defaultMirrors(suite, plan.architecture, today, {
    hostSources: await readHostSources(),
    script: await readDebootstrapScript([plan.suite, ...newestFirst]),
    hostArchitecture: hostArchitecture(),
  });
  const pockets = archivePockets(plan, defaults, { hasUpdates: true, securityBeside: (mirror) => mirror });
  const keyring = await checkKeyring(plan.recipe.keyring ?? UBUNTU_KEYRING, "ubuntu-keyring");
  const components = withUniverse(plan.recipe.components);
  return findArchive(pockets, { components, keyring, ...dateRule(plan.recipe) }, options, nowMs);
}

/** Nothing but main, which is what a recipe says that says nothing, means what an installation of Ubuntu has. */
function withUniverse(components: readonly string[]): readonly string[] {
  return components.join() === "main" ? COMPONENTS : components;
}

function isUbuntu(uri: string): boolean {
  return /\/ubuntu(-ports)?\/?$/.test(uri);
}
