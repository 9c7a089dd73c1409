import type { UpgradeWay } from "../../core/distro.ts";
import { VmbuilderError } from "../../model/errors.ts";
import { readReleaseRows } from "../debian-family/distro-info.ts";

/** An Ubuntu release, as distro-info-data describes it. */
export interface Suite {
  readonly codename: string;
  /** Such as 24.04. */
  readonly version: number;
  readonly isLts: boolean;
  /** Days, `YYYY-MM-DD`. */
  readonly releasedOn: string;
  readonly supportedUntil: string;
  /** The last day of any support, paid ones too: until then the mirrors carry it, later the archive of old releases. */
  readonly archivedAfter: string;
}

/** Where distro-info-data keeps Ubuntu's releases. */
export const SUITES_FILE = "/usr/share/distro-info/ubuntu.csv";
/** The first whose systemd grows the root partition. */
const OLDEST_VERSION = 20.04;

/**
 * Reads the releases that distro-info-data knows, oldest first, without those that are too old for this tool.
 *
 * @throws host-unfit when the package is missing
 */
export async function readSuites(path = SUITES_FILE): Promise<Suite[]> {
  return (await readReleaseRows(path)).flatMap(({ version = "", series, release, eol, ...row }) => {
    const number = Number.parseFloat(version);
    if (series === undefined || release === undefined || eol === undefined || !(number >= OLDEST_VERSION)) return [];
    const ends = ["eol-esm", "eol-legacy"].flatMap((column) => row[column] ?? []);
    return [
      {
        codename: series,
        version: number,
        isLts: /\bLTS\b/.test(version),
        releasedOn: release,
        supportedUntil: latest([eol, row["eol-server"] ?? eol]),
        archivedAfter: latest([eol, ...ends]),
      },
    ];
  });
}

function latest(days: readonly string[]): string {
  return [...days].sort().at(-1) ?? "";
}

/**
 * Finds a suite by code name, or by `lts`, `stable` (the newest release) and `devel`; nothing means the newest one with
 * long-term support.
 *
 * @param today `YYYY-MM-DD`
 * @throws suite-unknown
 */
export function findSuite(suites: readonly Suite[], wanted: string, today: string): Suite {
  const released = suites.filter(({ releasedOn }) => releasedOn <= today);
  const aliases: Record<string, Suite | undefined> = {
    lts: released.filter(({ isLts }) => isLts).at(-1),
    stable: released.at(-1),
    devel: suites.find(({ releasedOn }) => releasedOn > today),
  };
  if (Object.hasOwn(aliases, wanted)) {
    const found = aliases[wanted];
    if (found) return found;
    throw new VmbuilderError(
      "suite-unknown",
      `distro-info-data names no Ubuntu suite that is "${wanted}" on ${today}`,
      {
        hint: "update the package distro-info-data, or give --suite NAME",
      },
    );
  }
  const found = suites.find(({ codename }) => codename === wanted);
  if (found) return found;
  const known = suites.map(({ codename }) => codename).join(", ");
  throw new VmbuilderError("suite-unknown", `Ubuntu has no suite "${wanted}" that can be built`, {
    hint: `choose one of: ${known}, lts, stable, devel`,
  });
}

/** True for a release that the mirrors have given to the archive of old releases. */
export function isArchived(suite: Suite, today: string): boolean {
  return suite.archivedAfter < today;
}

/** From a release with long-term support the way leads to the next such one, else from each to the next. */
export function upgradeWay(suites: readonly Suite[], from: string, to: string): UpgradeWay {
  const at = (codename: string) => suites.findIndex((suite) => suite.codename === codename);
  const isLts = Boolean(suites[at(from)]?.isLts && suites[at(to)]?.isLts);
  const between = suites.slice(at(from) + 1, at(to)).filter((suite) => !isLts || suite.isLts);
  return { by: { prompt: isLts ? "lts" : "normal" }, passedOver: between.map(({ codename }) => codename) };
}
