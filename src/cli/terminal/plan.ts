import { escapeControls } from "../../model/escape-controls.ts";
import { logins } from "../../model/logins.ts";
import type { InterfacePlan } from "../../model/network.ts";
import type { Plan } from "../../model/plan.ts";
import { formatSize } from "../../model/size.ts";
import { contentOf, type Partition, SECTOR_BYTES } from "../../model/storage-plan.ts";
import { mountsOf, volumesOf } from "../../model/storage-request.ts";
import type { HostSetting, SettingName } from "../../model/system-settings.ts";
import { withoutLogins } from "../../model/without-logins.ts";
import { wrap } from "./text.ts";

const LABEL_COLUMNS = 11;
const COLUMNS = 80;

/** Writes a plan for people: what is built from what, how the disk is laid out, where the result goes. */
export function formatPlan(plan: Plan): string {
  const { recipe, disk, moreDisks = [], packages } = plan;
  const row = (label: string, text: string): string[] => {
    const lines = wrap(escapeControls(text), COLUMNS - LABEL_COLUMNS - 2);
    return lines.map((line, index) => `  ${(index === 0 ? label : "").padEnd(LABEL_COLUMNS)}${line}`);
  };
  const disks = [disk, ...moreDisks].flatMap((one, index) => [
    ...row(index === 0 ? "Disk" : `Disk ${index + 1}`, `${formatSize(one.sizeBytes)}, ${one.label ?? "GPT"}`),
    ...one.partitions.map(partitionLine),
  ]);
  const lines = [
    `${recipe.hostname}: ${recipe.distro} ${plan.suite}, ${plan.architecture}, for ${recipe.hypervisor.join(", ")}`,
    "",
    ...disks,
    ...row("Packages", `priority ${packages.priorities.join(" and ")}, with`),
    ...row("", packages.include.join(" ")),
    ...(packages.exclude.length > 0 ? row("Without", packages.exclude.join(" ")) : []),
    ...row("Mirror", withoutLogins(recipe.mirror ?? "") || "the host's own, else the one that debootstrap names"),
    ...Object.entries(SETTINGS).flatMap(([name, label]) =>
      row(label, describeSetting(plan.settings[name as SettingName])),
    ),
    ...plan.network.interfaces.flatMap((one, index) => row(index === 0 ? "Network" : "", describeInterface(one))),
    ...row("Log in", logins(plan).join(", ") || "nobody can: no ssh key and no password"),
    ...row("Result", plan.destination),
  ];
  return `${lines.join("\n")}\n`;
}

const SETTINGS: Readonly<Record<SettingName, string>> = { lang: "Locale", timezone: "Time zone", keymap: "Keyboard" };

function describeSetting({ value, from }: HostSetting): string {
  if (from === "recipe") return value;
  return `${value} (${from === "standard" ? "the host says nothing" : `the host's, by ${from}`})`;
}

/** One interface in words: its name, addresses, gateways, and where its card is connected. */
function describeInterface({ name, dhcp, ipv6, addresses, gateways, attachment }: InterfacePlan): string {
  const ways = [...(dhcp ? ["DHCP"] : []), ...addresses, ...(ipv6 === "off" ? ["no IPv6"] : [])];
  const out = gateways.length > 0 ? ` by ${gateways.join(" and ")}` : "";
  const place = attachment.kind === "user" ? "" : `, on the ${attachment.kind} ${attachment.name}`;
  return `${name === undefined ? "" : `${name}: `}${ways.join(", ") || "IPv6 alone"}${out}${place}`;
}

function partitionLine(partition: Partition): string {
  const { number, role, startSector, sizeSectors, content } = partition;
  const place = `${formatSize(sizeSectors * SECTOR_BYTES).padStart(9)} at ${formatSize(startSector * SECTOR_BYTES)}`;
  const volumes = content === undefined ? [] : volumesOf(contentOf(partition));
  const container = contentOf(partition).luks ? ["encrypted:"] : [];
  const what = [...container, volumes.map((volume) => [volume.fs, ...mountsOf(volume)].join(" ")).join(", ")].join(" ");
  return `    ${String(number).padStart(2)}  ${role.padEnd(9)}  ${place.padEnd(24)}${escapeControls(what)}`.trimEnd();
}

/** A plan as data, without what nobody may read. */
export function describePlan({ recipe, changes, ...rest }: Plan): object {
  const hidden = Object.fromEntries(
    (["pass", "rootpass", "luks-pass"] as const)
      .filter((key) => recipe[key] !== undefined)
      .map((key) => [key, "(set)"]),
  );
  const plan = {
    recipe: { ...recipe, ...hidden },
    ...rest,
    scripts: [...changes.settings, ...changes.scripts].map(({ name }) => name),
  };
  return JSON.parse(withoutLogins(JSON.stringify(plan))) as object;
}
