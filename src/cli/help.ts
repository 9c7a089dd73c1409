import { type Command, type Help, Option } from "commander";
import { OPTION_GROUPS } from "./build-option.ts";
import { OLD_FORM, UBUNTU_PROGRAM } from "./old-form.ts";
import { buildOptions } from "./option-table.ts";
import { createPaint } from "./terminal/color.ts";
import { padRight, wrap } from "./terminal/text.ts";

/** A heading of the root's help: what is wanted daily has a line of its own, the others share one. */
interface CommandGroup {
  readonly daily: readonly string[];
  readonly others: readonly string[];
}

const COMMAND_GROUPS: Readonly<Record<string, CommandGroup>> = {
  Build: {
    daily: ["build", "plan", "wizard", "recipe"],
    others: ["lock", "profile", "import-config", "schema", OLD_FORM],
  },
  Machines: {
    daily: ["up", "shell", "ls", "exec", "ssh", "stop", "rm", "clone", "test", "upgrade-test"],
    others: ["start", "restart", "info", "console", "logs", "cp", "snapshot", "restore", "prune", "flatten"],
  },
  Images: { daily: ["convert", "diff"], others: ["sign", "verify", "upload"] },
  Server: { daily: ["serve"], others: ["token", "server"] },
  Host: { daily: ["doctor", "cache", "man"], others: ["completion"] },
};

interface Item {
  readonly term: string;
  readonly text: string;
}

/** Commander removes the colours again where the stream doesn't want them. */
const paint = createPaint(true);
const WIDEST_HELP = 100;
const NARROWEST_TEXT = 24;
/** What is longer has its text on the next line. */
const WIDEST_TERM = 30;
const ALSO_COLUMNS = "also".length;

/**
 * Gives a program, with all commands it has by now, its help: headings, aligned columns, a screen for the root.
 * Lists show a command's `summary()` where it has one, else its description.
 */
export function configureHelp(program: Command): void {
  for (const [heading, { daily, others }] of Object.entries(COMMAND_GROUPS)) {
    for (const command of program.commands)
      if ([...daily, ...others].includes(command.name())) command.helpGroup(heading);
  }
  for (const command of [program, ...descendants(program)]) {
    command
      .configureHelp({ formatHelp: (shown, help) => formatHelp(shown, help, "daily") })
      .helpOption("-h, --help", "show this help, or a command's after its name")
      .helpCommand(false)
      .showSuggestionAfterError(true);
    if (command.options.some(isRare)) addHelpAll(command);
  }
}

/** Options that the help of a command only names, unless all are asked for. */
const RARE_OPTIONS: ReadonlySet<string> = new Set(
  buildOptions.filter((row) => !("daily" in row && row.daily)).map(({ key }) => key),
);

const HELP_ALL = "--help-all";

function isRare(option: Option): boolean {
  return RARE_OPTIONS.has(option.name()) && OPTION_GROUPS.some((group) => group === option.helpGroupHeading);
}

function addHelpAll(command: Command): void {
  const option = new Option(HELP_ALL, "explain every option").hideHelp();
  command.addOption(option).on(`option:${option.name()}`, () => {
    command.configureHelp({ formatHelp: (shown, help) => formatHelp(shown, help, "all") }).help();
  });
}

/** The command by which `serve` starts its worker; it is nothing for people. */
export const WORKER_COMMAND = "serve-worker";

/** All commands below a command, depth first. */
export function descendants(command: Command): Command[] {
  return command.commands.flatMap((child) => [child, ...descendants(child)]);
}

/** A command's name as it is typed after the program's: `cache ls`. */
export function commandPath(command: Command): string {
  const above = command.parent?.parent ? `${commandPath(command.parent)} ` : "";
  return above + command.name();
}

/** How a command is begun: `vmbuilder cache ls`. */
export function invocation(command: Command): string {
  return command.name() === UBUNTU_PROGRAM ? UBUNTU_PROGRAM : `vmbuilder ${commandPath(command)}`;
}

/** A command's arguments as they are written: `[RECIPE]`, `DIR`. */
export function argumentsText(command: Command): string {
  return command.registeredArguments
    .map((argument) => {
      const name = argument.variadic ? `${argument.name()}...` : argument.name();
      return argument.required ? name : `[${name}]`;
    })
    .join(" ");
}

function formatHelp(command: Command, help: Help, options: "daily" | "all"): string {
  const width = Math.min(help.helpWidth ?? 80, WIDEST_HELP);
  const sections = command.parent ? commandSections(command, help, options) : rootSections(command, help);
  const termLengths = sections.flatMap(({ items }) => items.map(({ term }) => term.length));
  const termColumns = Math.max(0, ...termLengths.filter((length) => length <= WIDEST_TERM));
  const isShort = options === "daily" && command.options.some(isRare);
  const lines = [
    `${paint("bold", "Usage:")} ${usage(command)}`,
    ...wrap(command.description(), width),
    ...sections.flatMap(({ heading, items, also }) => [
      "",
      paint("bold", heading),
      ...items.flatMap((item) => itemLines(item, termColumns, width)),
      ...(also ? itemLines({ term: "also", text: also }, ALSO_COLUMNS, width) : []),
    ]),
    ...(isShort ? ["", ...wrap(`${invocation(command)} ${HELP_ALL} explains every option.`, width)] : []),
  ];
  return `${lines.join("\n")}\n`;
}

interface Section {
  readonly heading: string;
  readonly items: readonly Item[];
  /** Names of what has no line of its own. */
  readonly also?: string;
}

/** The root's help is a screen: daily commands in their order, then the names of the others. */
function rootSections(program: Command, help: Help): Section[] {
  const sections = Object.entries(COMMAND_GROUPS).map(([heading, { daily, others }]) => ({
    heading,
    items: [
      ...daily.map((name) => rootItem(member(program, name))),
      { term: "also", text: otherNames(program, others) },
    ],
  }));
  return [...sections, { heading: "Options", items: optionItems(help.visibleOptions(program), true) }];
}

function member(program: Command, name: string): Command {
  const command = program.commands.find((candidate) => candidate.name() === name);
  if (!command) throw new Error(`the help names ${name}, which is no command`);
  return command;
}

/** A command that only groups others stands in one line with them: `cache ls|gc|verify`. */
function rootItem(command: Command): Item {
  const members = command.commands.map((child) => child.name()).join("|");
  const term = `${command.name()} ${members || argumentsText(command)}`.trimEnd();
  return { term, text: command.summary() || command.description() };
}

function otherNames(program: Command, names: readonly string[]): string {
  return names.map((name) => (name === OLD_FORM ? rootItem(member(program, name)).term : name)).join(", ");
}

function commandSections(command: Command, help: Help, which: "daily" | "all"): Section[] {
  const options = help.visibleOptions(command).filter((option) => option.long !== "--help");
  const anyShort = options.some(({ short }) => short !== undefined);
  const groups = help.groupItems([...command.options], options, (option) => option.helpGroupHeading ?? "Options");
  const argumentItems = command.registeredArguments
    .filter(({ description }) => description !== "")
    .map((argument) => ({ term: argument.name(), text: argument.description }));
  return [
    { heading: "Arguments", items: argumentItems },
    { heading: "Commands", items: command.commands.flatMap(commandItems) },
    ...[...groups].map(([heading, members]) => {
      const rare = which === "all" ? [] : members.filter(isRare);
      const items = optionItems(
        members.filter((option) => !rare.includes(option)),
        anyShort,
      );
      return { heading, items, also: rare.map(({ long }) => long).join(", ") };
    }),
  ].filter(({ items, also }: Section) => items.length > 0 || also);
}

function commandItems(command: Command): Item[] {
  if (command.commands.length > 0) return command.commands.flatMap(commandItems);
  return [
    {
      term: `${commandPath(command)} ${argumentsText(command)}`.trimEnd(),
      text: command.summary() || command.description(),
    },
  ];
}

function optionItems(options: readonly Option[], anyShort: boolean): Item[] {
  return options.map((option) => {
    const flags = option.flags.replaceAll(/[<>]/g, "");
    return { term: anyShort && !option.short ? `    ${flags}` : flags, text: option.description };
  });
}

function itemLines({ term, text }: Item, termColumns: number, width: number): string[] {
  const indent = " ".repeat(2 + termColumns + 2);
  const lines = wrap(text, Math.max(NARROWEST_TEXT, width - indent.length)).map((line) => indent + line);
  const name = `  ${paint("cyan", padRight(term, termColumns))}`;
  return term.length > termColumns ? [name, ...lines] : [`${name}  ${lines[0]?.trimStart()}`, ...lines.slice(1)];
}

function usage(command: Command): string {
  if (!command.parent) return `${command.name()} COMMAND [options]`;
  const members = command.commands.map((child) => child.name()).join("|");
  return [invocation(command), members, argumentsText(command), "[options]"].filter((part) => part !== "").join(" ");
}
