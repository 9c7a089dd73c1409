import { type Command, Option } from "commander";
import { VERSION } from "../model/version.ts";
import { type OldOption, oldOptions } from "./old-option-table.ts";

/** Heading of the options that only the old tool knew. */
export const OLD_GROUP = "Old options";

const rows: readonly OldOption[] = oldOptions;

/** Adds the options of {@link oldOptions}; where they are hidden, they are understood all the same. */
export function addOldOptions(command: Command, visibility: "shown" | "hidden"): Command {
  command.version(VERSION, "--version", "show the version");
  const version = command.options.at(-1)?.helpGroup(OLD_GROUP);
  if (visibility === "hidden") version?.hideHelp();
  for (const row of rows) {
    const option = new Option(row.flags, helpText(row));
    if (visibility === "hidden" || !isFirstOfItsNote(row)) option.hideHelp();
    command.addOption(option.helpGroup(OLD_GROUP));
    if ("as" in row) command.on(`option:${option.name()}`, (value: string | null) => take(command, row, value));
  }
  return command;
}

/** Options with the same note share a line of the help. */
function isFirstOfItsNote(row: OldOption): boolean {
  return !("note" in row) || sameNote(row.note)[0] === row;
}

function sameNote(note: string): OldOption[] {
  return rows.filter((row) => "note" in row && row.note === note);
}

function helpText(row: OldOption): string {
  if ("help" in row) return row.help;
  if ("as" in row) return `the same as --${row.as}`;
  const others = isFirstOfItsNote(row) ? sameNote(row.note).slice(1) : [];
  const names = others.map(({ flags }) => flags.split(" ")[0]);
  return `no more${names.length > 0 ? `, nor ${names.join(", ")}` : ""}: ${row.note}`;
}

/** Old options that have an effect of their own, as they were given. */
export interface OldValues {
  readonly config?: string;
  readonly "only-chroot"?: boolean;
  readonly tmp?: string;
  readonly tmpfs?: string;
  readonly manifest?: string;
}

/** The values of a parsed command for {@link OldValues}. */
export function readOldOptions(command: Command): OldValues {
  const { config, tmp, tmpfs, manifest, onlyChroot } = command.opts<OldValues & { onlyChroot?: boolean }>();
  return {
    ...(config && { config }),
    ...(onlyChroot && { "only-chroot": true }),
    ...(tmp && { tmp }),
    ...(tmpfs && { tmpfs }),
    ...(manifest && { manifest }),
  };
}

/** Whether an option stands under {@link OLD_GROUP}. */
export function isOldOption(option: Option): boolean {
  return option.helpGroupHeading === OLD_GROUP;
}

/** Gives an option's value to the one that has taken its place, as if that had been written. */
function take(command: Command, row: Extract<OldOption, { as: string }>, value: string | null): void {
  const target = command.options.find((option) => option.name() === row.as)?.attributeName() ?? row.as;
  const earlier: unknown = command.getOptionValue(target);
  if (row.values === "switch") command.setOptionValueWithSource(target, true, "cli");
  else if (row.values === "files")
    command.setOptionValueWithSource(target, [...(Array.isArray(earlier) ? earlier : []), value], "cli");
  else command.setOptionValueWithSource(target, value, "cli");
}

/** What to tell of options that were given and have no effect any more; their values are never shown. */
export function oldOptionNotes(command: Command): string[] {
  const rowOf = new Map(rows.map((row) => [row.flags, row]));
  const lines = command.options.flatMap((option) => {
    const row = rowOf.get(option.flags);
    if (!row || !("note" in row) || command.getOptionValueSource(option.attributeName()) !== "cli") return [];
    return [{ name: option.long ?? option.flags, note: row.note }];
  });
  const byNote = Map.groupBy(lines, ({ note }) => note);
  return [...byNote].map(([note, group]) => `${group.map(({ name }) => name).join(", ")}: ${note}`);
}
