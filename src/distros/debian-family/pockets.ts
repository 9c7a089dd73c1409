import { VmbuilderError } from "../../model/errors.ts";
import type { Plan } from "../../model/plan.ts";
import { isHostOnly, mirrorUrl, type Pocket } from "../packagers/apt/archive.ts";

/** Addresses that are known without the recipe. */
export interface DefaultMirrors {
  readonly main: string | undefined;
  readonly security: string | undefined;
}

/** How a distribution lays out its archive. */
export interface ArchiveShape {
  /** Whether the suite has updates beside it. */
  readonly hasUpdates: boolean;
  /** Where a mirror's security updates are by custom; where the host has them comes first, when no mirror was told. */
  securityBeside(mirror: string): string;
}

/**
 * The suite, its updates and its security updates, with the address where the build reads each and the one that the guest
 * keeps. A guest gets the default mirror in the place of one that only the host can reach.
 *
 * @throws mirror-unknown
 */
export function archivePockets(
  { recipe, suite }: Pick<Plan, "recipe" | "suite">,
  defaults: DefaultMirrors,
  { hasUpdates, securityBeside }: ArchiveShape,
): Pocket[] {
  const beside = (main: string, told: string | undefined) =>
    (told === undefined ? defaults.security : undefined) ?? securityBeside(main);
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
    beside(installMain, recipe["install-mirror"] ?? recipe.mirror);
  const guestSecurity = toldSecurity ?? beside(guestMain, recipe.mirror);
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
  return [
    { ...main, suite },
    ...(hasUpdates
      ? [
          { ...main, suite: `${suite}-updates` },
          { ...security, suite: `${suite}-security` },
        ]
      : []),
  ];
}

function address(mirror: string | undefined): string | undefined {
  return mirror === undefined ? undefined : mirrorUrl(mirror);
}

function reachable(uri: string, fallback: string | undefined): string {
  return isHostOnly(uri) ? (fallback ?? uri) : uri;
}
