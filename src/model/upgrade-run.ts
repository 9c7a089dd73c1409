import type { ConffileDecision } from "./apt-output.ts";
import type { PackageDiff } from "./package-diff.ts";
import type { TestOutcome, TestRun } from "./test-run.ts";

/** What a machine is, seen from inside. */
export interface SystemState {
  /** Its own name for itself, such as "Debian GNU/Linux 13 (trixie)". */
  readonly system: string;
  readonly kernel: string;
  readonly usedBytes: number;
  readonly failedUnits: readonly string[];
}

/** A test before and after. */
export interface TestChange {
  readonly name: string;
  /** Absent for what is tested after a reboot alone. */
  readonly before?: TestOutcome;
  /** Absent when it never came to that. */
  readonly after?: TestOutcome;
  readonly change: "passes" | "broke" | "mended" | "fails" | "unrun";
}

/** A part of an upgrade test, and how long it took. */
export interface UpgradePhase {
  readonly title: string;
  readonly seconds: number;
}

/** An upgrade, with the tests before and after. */
export interface UpgradeRun {
  readonly hostname: string;
  readonly origin: string;
  readonly from: string;
  /** Absent where the release stays, and its updates come. */
  readonly to?: string;
  readonly conffilePolicy: ConffilePolicy;
  readonly startedAt: string;
  readonly seconds: number;
  /** Why the upgrade failed; without it, it went well. */
  readonly failure?: string;
  /** What was seen beside it that wants a look. */
  readonly warnings: readonly string[];
  readonly phases: readonly UpgradePhase[];
  readonly before?: SystemState;
  readonly after?: SystemState;
  /** Absent when there is no state after an upgrade. */
  readonly packages?: PackageDiff;
  /** Packages on hold, and those that apt kept back. */
  readonly held: readonly string[];
  readonly conffiles: readonly ConffileDecision[];
  readonly tests: readonly TestChange[];
  /** What apt and dpkg said. */
  readonly log: string;
  readonly evidence: TestRun["evidence"];
  /** Name of the machine, if it was kept. */
  readonly keptAs?: string;
}

/** Whose configuration files stay where both sides changed them: the machine's, or the package's. */
export type ConffilePolicy = "keep" | "new";

/** Lays tests before beside those after; tests of one name are taken in their order. Pure. */
export function compareTests(before: readonly TestOutcome[], after: readonly TestOutcome[] | undefined): TestChange[] {
  const left = [...(after ?? [])];
  const take = (name: string) => {
    const at = left.findIndex((one) => one.name === name);
    return at === -1 ? undefined : left.splice(at, 1)[0];
  };
  const pairs = before.map((one) => changeOf(one.name, one, take(one.name)));
  return [...pairs, ...left.map((one) => changeOf(one.name, undefined, one))];
}

function changeOf(name: string, before: TestOutcome | undefined, after: TestOutcome | undefined): TestChange {
  const known = { name, ...(before ? { before } : {}), ...(after ? { after } : {}) };
  if (!after) return { ...known, change: "unrun" };
  const failed = before?.failure !== undefined;
  if (after.failure === undefined) return { ...known, change: failed ? "mended" : "passes" };
  return { ...known, change: failed ? "fails" : "broke" };
}

/** What went wrong, in a line; undefined when all is good. */
export function upgradeFailure({ failure, tests }: Pick<UpgradeRun, "failure" | "tests">): string | undefined {
  if (failure !== undefined) return failure;
  const failed = tests.filter(({ before, after }) => before?.failure !== undefined || after?.failure !== undefined);
  if (failed.length === 0) return undefined;
  const broke = failed.filter(({ change }) => change === "broke").length;
  const sum = `${failed.length} of ${tests.length} tests failed`;
  return broke > 0 ? `${sum}, ${broke} of them only after the upgrade` : `${sum}, before the upgrade already`;
}

/** What an upgrade is called: `bookworm to trixie`. */
export function upgradeTitle({ from, to }: Pick<UpgradeRun, "from" | "to">): string {
  return to === undefined ? `updates of ${from}` : `${from} to ${to}`;
}
