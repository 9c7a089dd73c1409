import type { Command, Option } from "commander";
import { commandPath, descendants, WORKER_COMMAND } from "../help.ts";
import { OLD_FORM, UBUNTU_PROGRAM } from "../old-form.ts";
import { isOldOption } from "../old-options.ts";

/** What may stand in a place of the command line. */
export type Value =
  | { kind: "none" }
  | { kind: "text" }
  | { kind: "file" }
  | { kind: "directory" }
  | { kind: "machine" }
  | { kind: "recipe"; names: readonly string[] }
  | { kind: "choices"; choices: readonly string[] };

/** An option that a shell can offer. */
export interface CompletionOption {
  readonly long: string;
  readonly short: string | undefined;
  readonly value: Value;
  readonly argument: string;
  readonly help: string;
  readonly repeatable: boolean;
}

/** A command that a shell can offer; `path` is empty for the program itself. */
export interface CompletionCommand {
  readonly path: readonly string[];
  readonly help: string;
  readonly children: readonly { name: string; help: string }[];
  readonly options: readonly CompletionOption[];
  readonly arguments: readonly { name: string; value: Value; repeatable: boolean }[];
}

const FILE_NAMES = ["FILE"];
const RECIPE_NAMES = ["RECIPE"];
const MACHINE_NAMES = ["MACHINE"];
const DIRECTORY_NAMES = ["DIR"];

/**
 * Flattens a program into the commands that a shell completes, the program itself first.
 *
 * @param recipes what stands for a recipe file, such as `recipe:webserver`
 */
export function completionCommands(program: Command, recipes: readonly string[]): CompletionCommand[] {
  const commands = [program, ...descendants(program)].filter((command) => !isUnlisted(command));
  return commands.map((command) => ({
    path: command.parent ? commandPath(command).split(" ") : [],
    help: summary(command),
    children: command.commands
      .filter((child) => !isUnlisted(child))
      .map((child) => ({ name: child.name(), help: summary(child) })),
    options: [
      ...command.options.filter((option) => !isOldOption(option)).map((option) => completionOption(option, recipes)),
      HELP_OPTION,
    ],
    arguments: command.registeredArguments.map((argument) => ({
      name: argument.name(),
      value: valueNamed(argument.name(), argument.argChoices, recipes),
      repeatable: argument.variadic,
    })),
  }));
}

/** What stands for a recipe file in these commands. */
export function recipeNames(commands: readonly CompletionCommand[]): readonly string[] {
  const values = commands.flatMap((command) => command.arguments.map(({ value }) => value));
  return values.find((value) => value.kind === "recipe")?.names ?? [];
}

/** They are for command lines that were written long ago, or by the program itself. */
function isUnlisted(command: Command): boolean {
  return [OLD_FORM, UBUNTU_PROGRAM, WORKER_COMMAND].includes(command.name());
}

const HELP_OPTION: CompletionOption = {
  long: "--help",
  short: "-h",
  value: { kind: "none" },
  argument: "",
  help: "show help",
  repeatable: false,
};

function completionOption(option: Option, recipes: readonly string[]): CompletionOption {
  const argument = /<(.*)>/.exec(option.flags)?.[1] ?? "";
  return {
    long: option.long ?? option.flags,
    short: option.short,
    value: argument === "" ? { kind: "none" } : valueNamed(argument, option.argChoices, recipes),
    argument,
    help: option.description,
    repeatable: argument.endsWith("..."),
  };
}

/** The name of a value says what completes it: FILE files, DIR folders, RECIPE files and names, MACHINE machines. */
function valueNamed(name: string, choices: readonly string[] | undefined, recipes: readonly string[]): Value {
  if (MACHINE_NAMES.includes(name)) return { kind: "machine" };
  if (RECIPE_NAMES.includes(name)) return { kind: "recipe", names: recipes };
  if (choices) return { kind: "choices", choices };
  if (FILE_NAMES.includes(name)) return { kind: "file" };
  if (DIRECTORY_NAMES.includes(name)) return { kind: "directory" };
  return { kind: "text" };
}

function summary(command: Command): string {
  return (command.summary() || command.description()).replace(/\.$/, "");
}
