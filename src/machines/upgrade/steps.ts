import { logLine, runStep } from "../../core/context.ts";
import type { ArchivePlace, UpgradeWay } from "../../core/distro.ts";
import { aptProgress, explainAptFailure } from "../../model/apt-output.ts";
import type { EventSink, StepName } from "../../model/events.ts";
import type { ConffilePolicy, UpgradePhase } from "../../model/upgrade-run.ts";
import { aptSettings, SETTINGS_FILE, upgradeEnvironment } from "./apt-settings.ts";
import { type Inside, UpgradeStopped } from "./inside.ts";
import { hostAddressInside, switchSources, writeInside } from "./sources.ts";

/** What to bring a machine to, and how. */
export interface UpgradeOrder {
  readonly from: string;
  /** Absent for the updates of the release that it is. */
  readonly to?: string | undefined;
  readonly way: UpgradeWay["by"];
  readonly policy: ConffilePolicy;
  readonly archive: ArchivePlace;
  /** Port of this host's loopback by which the archive is reached. */
  readonly relayPort: number;
  /** How long all of it may take. */
  readonly timeoutMs: number;
  readonly emit: EventSink;
  readonly signal: AbortSignal;
}

/** What is told of an upgrade while it runs. */
export interface UpgradeRecord {
  readonly phases: UpgradePhase[];
  readonly log: string[];
}

/** Begins the line of a log that names a command. */
export const COMMAND = "# ";

/** Background updates would hold dpkg's lock. */
const OWN_UPDATES = [
  "apt-daily.timer",
  "apt-daily-upgrade.timer",
  "apt-daily.service",
  "apt-daily-upgrade.service",
  "unattended-upgrades.service",
];

/** Upgrades a running machine. @throws UpgradeStopped, which says why it went no further */
export async function upgradeInside(inside: Inside, order: UpgradeOrder, record: UpgradeRecord): Promise<void> {
  const end = Date.now() + order.timeoutMs;
  const step = (name: StepName, title: string, argv: readonly string[]) =>
    timedPhase(order, record, name, title, () => runApt(inside, order, record, name, argv, end));
  await prepare(inside, order);
  try {
    if (order.to !== undefined && order.way === "full-upgrade")
      await switchSources(inside, { from: order.from, to: order.to, missing: missingSuites(order.to, order.archive) });
    await step("deploy/lists", "Update the package lists", ["apt-get", "-q", "update"]);
    for (const { name, title, argv } of commandsOf(order)) await step(name, title, argv);
  } finally {
    await inside.run(["rm", "-f", SETTINGS_FILE]).catch(() => {}); // one that is lost has said so
  }
}

interface UpgradeCommand {
  readonly name: StepName;
  readonly title: string;
  readonly argv: readonly string[];
}

/** The commands that upgrade, after the package lists are those of the wanted release. Pure. */
export function commandsOf({ to, way }: Pick<UpgradeOrder, "to" | "way">): UpgradeCommand[] {
  const apt = ["apt-get", "-q", "-y"];
  if (to === undefined)
    return [{ name: "deploy/upgrade", title: "Install the updates", argv: [...apt, "--with-new-pkgs", "upgrade"] }];
  const minimal = {
    name: "deploy/minimal-upgrade",
    title: "Upgrade what needs no new package",
    argv: [...apt, "upgrade"],
  } as const;
  const full = { name: "deploy/upgrade", title: "Upgrade everything", argv: [...apt, "full-upgrade"] } as const;
  if (way === "full-upgrade") return [minimal, full];
  // Ubuntu's program wants a system whose release is up to date
  const setPrompt = `sed -i 's/^Prompt=.*/Prompt=${way.prompt}/' /etc/update-manager/release-upgrades`;
  const upgrade = "do-release-upgrade --mode server --frontend DistUpgradeViewNonInteractive";
  return [
    { ...full, name: "deploy/minimal-upgrade", title: "Bring the old release up to date" },
    {
      name: "deploy/upgrader",
      title: "Install do-release-upgrade",
      argv: [...apt, "install", "ubuntu-release-upgrader-core"],
    },
    { name: "deploy/upgrade", title: "Run do-release-upgrade", argv: ["sh", "-c", `${setPrompt} && exec ${upgrade}`] },
  ];
}

/** The release's own suites that its archive doesn't have. */
function missingSuites(to: string, { suites }: ArchivePlace): string[] {
  return ["updates", "security"].map((pocket) => `${to}-${pocket}`).filter((suite) => !suites.includes(suite));
}

async function prepare(inside: Inside, { policy, archive, relayPort }: UpgradeOrder): Promise<void> {
  await inside.run(["systemctl", "stop", "--", ...OWN_UPDATES]); // not every machine has them
  const host = await hostAddressInside(inside);
  const hosts = [...new Set(archive.addresses.map(({ guest }) => new URL(guest)))].filter(
    ({ protocol }) => protocol === "http:",
  );
  const proxy = host && {
    address: `http://${host}:${relayPort}`,
    hosts: [...new Set(hosts.map(({ hostname }) => hostname))],
  };
  await writeInside(inside, SETTINGS_FILE, aptSettings(policy, proxy || undefined));
}

/** Runs a part as a step of its own, and notes its time, also of one that fails. */
export async function timedPhase<T>(
  context: Pick<UpgradeOrder, "emit" | "signal">,
  { phases }: Pick<UpgradeRecord, "phases">,
  name: StepName,
  title: string,
  work: () => Promise<T>,
): Promise<T> {
  const startedAt = Date.now();
  try {
    return await runStep(context, name, title, work);
  } finally {
    phases.push({ title, seconds: (Date.now() - startedAt) / 1000 });
  }
}

async function runApt(
  inside: Inside,
  { policy, emit }: UpgradeOrder,
  { log }: UpgradeRecord,
  name: StepName,
  argv: readonly string[],
  end: number,
): Promise<void> {
  const words = argv.join(" ");
  const said: string[] = [];
  const readProgress = aptProgress();
  log.push(COMMAND + words);
  const onLine = (line: string) => {
    said.push(line);
    log.push(line);
    logLine({ emit }, name, "debug", line);
    const progress = readProgress(line);
    if (progress) emit({ type: "progress", step: name, ...progress, unit: "items", atMs: Date.now() });
  };
  const timeoutMs = Math.max(1000, end - Date.now());
  const command = ["env", ...upgradeEnvironment(policy), ...argv];
  const { status, timedOut } = await inside.run(command, { onLine, timeoutMs });
  if (timedOut || Date.now() > end)
    throw new UpgradeStopped(`the upgrade took too long; ${words} said last: ${said.at(-1) ?? "nothing"}`);
  if (status !== 0)
    throw new UpgradeStopped(
      explainAptFailure(said.join("\n")) ?? `${words} ended with status ${status}: ${said.at(-1) ?? ""}`,
    );
}
