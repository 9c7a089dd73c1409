import { VmbuilderError } from "../../model/errors.ts";
import { readReleaseRows } from "../debian-family/distro-info.ts";

/** A Debian release, as distro-info-data describes it. */
export interface Suite {
  readonly codename: string;
  /** Number of the release; Infinity for sid. */
  readonly version: number;
  readonly releasedOn: string | undefined;
}

/** Where distro-info-data keeps Debian's releases. */
export const SUITES_FILE = "/usr/share/distro-info/debian.csv";
const OLDEST_VERSION = 11;

/**
 * Reads the releases that distro-info-data knows, oldest first, without those that are too old for this tool.
 *
 * @throws host-unfit when the package is missing
 */
export async function readSuites(path = SUITES_FILE): Promise<Suite[]> {
  return (await readReleaseRows(path))
    .filter(({ series }) => series !== undefined && series !== "experimental")
    .map(({ version, series, release }) => ({
      codename: String(series),
      version: version ? Number(version) : Number.POSITIVE_INFINITY,
      releasedOn: release,
    }))
    .filter(({ version }) => version >= OLDEST_VERSION);
}

/**
 * Finds a suite by code name, or by `stable`, `oldstable`, `testing`, `unstable`; nothing means stable.
 *
 * @param today `YYYY-MM-DD`
 * @throws suite-unknown
 */
export function findSuite(suites: readonly Suite[], wanted: string, today: string): Suite {
  const released = suites.filter(({ releasedOn }) => releasedOn !== undefined && releasedOn <= today);
  const stable = released.at(-1);
  const aliases: Record<string, Suite | undefined> = {
    stable,
    oldstable: released.at(-2),
    oldoldstable: released.at(-3),
    testing: stable && suites[suites.indexOf(stable) + 1],
    unstable: suites.find(({ codename }) => codename === "sid"),
  };
  const alias = Object.hasOwn(aliases, wanted) ? aliases[wanted] : undefined;
  const found = alias ?? suites.find(({ codename }) => codename === wanted);
  if (!found) {
    const known = suites.map(({ codename }) => codename).join(", ");
    throw new VmbuilderError("suite-unknown", `Debian has no suite "${wanted}"`, { hint: `choose one of: ${known}` });
  }
  return found;
}
