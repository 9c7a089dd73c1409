import { DISTROS } from "../distros/index.ts";
import { HYPERVISORS } from "../hypervisors/index.ts";
import { type IniEntry, parseIni } from "../model/ini.ts";
import { readSmallFile } from "../system/files.ts";
import type { BuildOption } from "./build-option.ts";
import { OLD_HYPERVISORS } from "./old-form.ts";
import { type OldOption, oldOptions } from "./old-option-table.ts";
import { buildOptions } from "./option-table.ts";

/** A setting of a configuration file of the old tool, under its name of today. */
export interface OldSetting {
  readonly key: string;
  readonly value: string | string[] | true;
  readonly file: string;
  readonly line: number;
}

/** What the old tool's configuration files say. */
export interface OldConfig {
  /** By key; of two of the same key the more particular. */
  readonly settings: ReadonlyMap<string, OldSetting>;
  /** What has no effect, and why: `FILE:LINE: KEY: …`. */
  readonly notes: readonly string[];
  readonly distro: string | undefined;
  readonly hypervisor: string | undefined;
}

const LARGEST_FILE_BYTES = 1024 * 1024;
/** Distributions that the old tool built. */
const OLD_DISTROS = ["debian", "ubuntu"];
const EVERYBODY = "DEFAULT";

/**
 * Reads configuration files of the old tool: the section DEFAULT, that of the distribution and that of the hypervisor, of
 * which each beats those before. Where a name isn't given, the only one that the
 * files have a section for is taken, or of several debian and kvm.
 *
 * @param files of which later ones beat earlier ones
 * @throws file-unreadable
 */
export async function readOldConfig(
  files: readonly string[],
  given: { distro?: string | undefined; hypervisor?: string | undefined },
): Promise<OldConfig> {
  const notes: string[] = [];
  const entries: (IniEntry & { file: string })[] = [];
  for (const file of files) {
    const parsed = parseIni(await readSmallFile(file, LARGEST_FILE_BYTES));
    entries.push(...parsed.entries.map((entry) => ({ ...entry, file })));
    notes.push(...parsed.mistakes.map(({ line }) => `${file}:${line}: this is no line KEY = VALUE; it was left out`));
  }
  const sections = [...new Set(entries.map(({ section }) => section))].filter((name) => name !== EVERYBODY);
  const choose = (name: string | undefined, known: readonly string[], standard: string) => {
    const found = sections.filter((section) => known.includes(section));
    return name ?? (found.length === 1 ? found[0] : found.find((section) => section === standard));
  };
  const distro = choose(given.distro, [...OLD_DISTROS, ...DISTROS.map(({ name }) => name)], "debian");
  const hypervisor = choose(given.hypervisor, [...OLD_HYPERVISORS, ...HYPERVISORS.map(({ name }) => name)], "kvm");
  const used = [EVERYBODY, distro, hypervisor];
  notes.push(...sections.filter((name) => !used.includes(name)).map((name) => `the section [${name}] was left out`));
  const settings = new Map<string, OldSetting>();
  for (const section of used) {
    for (const entry of entries.filter((one) => one.section === section)) {
      const read = readEntry(entry);
      if (typeof read === "string") notes.push(`${entry.file}:${entry.line}: ${entry.key}: ${read}`);
      else if (read) settings.set(read.key, { ...read, file: entry.file, line: entry.line });
    }
  }
  return { settings, notes, distro, hypervisor };
}

/** A setting, a note that says why it is none, or nothing where nothing was set. */
function readEntry({ key, value }: IniEntry): Pick<OldSetting, "key" | "value"> | string | undefined {
  if (value === "") return undefined;
  const old = (oldOptions as readonly OldOption[]).find(({ flags }) => longName(flags) === key);
  if (old && "note" in old) return isNo(value) ? undefined : old.note;
  const name = old && "as" in old ? old.as : key;
  const row = (buildOptions as readonly BuildOption[]).find((one) => one.key === name);
  if (!row && !old) return "there is no such option; it was left out";
  const kind = row?.kind ?? (old?.flags.includes("<") ? "text" : "switch");
  if (kind === "switch") return isNo(value) ? undefined : { key: name, value: true };
  if (kind === "text") return { key: name, value };
  const separator = key === "dns" ? /[\s,]+/ : /[\s,:]+/; // addresses may hold colons
  return { key: name, value: value.split(separator).filter((item) => item !== "") };
}

function longName(flags: string): string | undefined {
  return /--([a-z0-9-]+)/.exec(flags)?.[1];
}

/** What ConfigParser took for false. */
function isNo(value: string): boolean {
  return ["0", "no", "false", "off"].includes(value.toLowerCase());
}
