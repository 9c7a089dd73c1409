import { type Command, Option } from "commander";
import { type BuildOption, OPTION_GROUPS } from "./build-option.ts";
import { type BuildOptionKey, buildOptions, type Row } from "./option-table.ts";

type ValueOf<Kind> = Kind extends "switch" ? boolean : Kind extends "list" | "files" ? string[] : string;

/** What was given on the command line, by recipe key; what wasn't given is absent. */
export type BuildOptionValues = { -readonly [R in Row as R["key"]]?: ValueOf<R["kind"]> };

/** Choices that come from the registries of distributions, architectures and hypervisors. */
export type BuildOptionChoices = Partial<Record<BuildOptionKey, readonly string[]>>;

/** Adds the options of {@link buildOptions} to a command, under their headings, but for some. Defaults are the recipe's business. */
export function addBuildOptions(
  command: Command,
  choices: BuildOptionChoices = {},
  except: readonly string[] = [],
): Command {
  for (const group of OPTION_GROUPS) {
    for (const row of buildOptions.filter(({ key, group: of }) => of === group && !except.includes(key))) {
      command.addOption(commanderOption(row, choices[row.key]).helpGroup(group));
    }
  }
  return command;
}

/** Adds some options of {@link buildOptions}, without headings. */
export function addSomeBuildOptions(command: Command, keys: readonly BuildOptionKey[]): Command {
  for (const row of buildOptions) if (keys.includes(row.key)) command.addOption(commanderOption(row));
  return command;
}

/** The values of a parsed command, keyed as in a recipe: `ssh-key`, `addpkg`, `dry-run`. */
export function readBuildOptions(command: Command): BuildOptionValues {
  const given = command.opts<Record<string, string | string[] | boolean | undefined>>();
  const entries = command.options.map((option): [string, unknown] => {
    const value = given[option.attributeName()];
    return [option.name(), option.negate ? value === false || undefined : value];
  });
  const keys = new Set<string>(buildOptions.map(({ key }) => key));
  return Object.fromEntries(
    entries.filter(([key, value]) => keys.has(key) && value !== undefined),
  ) as BuildOptionValues;
}

/** Splits a list as people write it, at commas and spaces. */
export function splitList(text: string): string[] {
  return text.split(/[\s,]+/).filter((item) => item !== "");
}

function commanderOption(row: BuildOption, choices = row.choices): Option {
  const flags = `${row.letter ? `-${row.letter}, ` : ""}--${row.key}${row.argument ? ` <${row.argument}>` : ""}`;
  const option = new Option(flags, row.standard ? `${row.help} (default ${row.standard})` : row.help);
  if (choices) option.choices(choices);
  if (row.kind === "list") {
    option.argParser((value: string, earlier: string[] | undefined) => [...(earlier ?? []), ...splitList(value)]);
  }
  if (row.kind === "files") {
    option.argParser((value: string, earlier: string[] | undefined) => [...(earlier ?? []), value]);
  }
  return option;
}
