import type { Command, Option } from "commander";
import { ERROR_TABLE } from "../model/errors.ts";
import { argumentsText, commandPath, descendants, invocation, WORKER_COMMAND } from "./help.ts";
import {
  MAN_DESCRIPTION,
  MAN_ENVIRONMENT,
  MAN_EXAMPLES,
  MAN_EXIT_STATUS,
  MAN_FILES,
  MAN_SEE_ALSO,
} from "./man-text.ts";
import { OLD_FORM, UBUNTU_PROGRAM } from "./old-form.ts";
import { isOldOption } from "./old-options.ts";
import { bold, entry, example, italic, paragraph, roffText, section, subsection } from "./roff.ts";

/**
 * Writes the manual page vmbuilder(1) in roff: commands and options from the program itself, prose from man-text.ts.
 *
 * @see man-pages(7) for the sections and their order
 */
export function renderManPage(program: Command): string {
  const commands = documentedCommands(program);
  const parts = [
    `.TH VMBUILDER 1 "" "vmbuilder ${roffText(program.version() ?? "")}" "User Commands"`,
    section("NAME"),
    "vmbuilder \\- build bootable virtual machine images without root",
    section("SYNOPSIS"),
    ...commands.map(synopsis),
    section("DESCRIPTION"),
    ...MAN_DESCRIPTION.map((text) => paragraph(roffText(text))),
    section("COMMANDS"),
    ...commands.flatMap(commandPart),
    section("FILES"),
    ...MAN_FILES.map(({ term, text }) => entry(italic(term), roffText(text))),
    section("ENVIRONMENT"),
    ...MAN_ENVIRONMENT.map(({ term, text }) => entry(bold(term), roffText(text))),
    section("EXIT STATUS"),
    ...MAN_EXIT_STATUS.map(({ term, text }) => entry(bold(term), roffText(text))),
    paragraph(errorCodes()),
    section("EXAMPLES"),
    ...MAN_EXAMPLES.flatMap(({ text, lines }) => [paragraph(roffText(text)), example(lines)]),
    section("SEE ALSO"),
    MAN_SEE_ALSO.map(({ page, chapter }) => `${bold(page)}(${chapter})`).join(", "),
  ];
  return `${parts.join("\n")}\n`;
}

/** What the manual tells of: whatever can be typed, but for the worker's command and the other name of the old form. */
export function documentedCommands(program: Command): Command[] {
  return descendants(program).filter(
    (command) => command.commands.length === 0 && ![UBUNTU_PROGRAM, WORKER_COMMAND].includes(command.name()),
  );
}

function synopsis(command: Command): string {
  const options = ownOptions(command).length > 0 ? `[${italic("options")}]` : "";
  if (command.name() === OLD_FORM)
    return [
      `.br\n${bold("vmbuilder")} ${argumentsRoff(command, `${OLD_FORM} `)} ${options}`,
      `.br\n${bold(UBUNTU_PROGRAM)} ${italic("HYPERVISOR")} ${italic("SUITE")} ${options}`,
    ].join("\n");
  const words = [bold(invocation(command)), argumentsRoff(command), options];
  return `.br\n${words.filter((word) => word !== "").join(" ")}`;
}

function commandPart(command: Command): string[] {
  const groups = Map.groupBy(ownOptions(command), ({ helpGroupHeading }) => helpGroupHeading ?? "");
  return [
    subsection(`${bold(commandPath(command))} ${argumentsRoff(command)}`.trimEnd()),
    roffText(command.description()),
    ...command.registeredArguments
      .filter(({ description }) => description !== "")
      .map((argument) => entry(italic(argument.name()), roffText(argument.description))),
    ...[...groups].flatMap(([heading, options]) => [
      ...(heading === "" || heading === "Options" ? [] : [paragraph(`${italic(heading)}`)]),
      ...options.map(optionEntry),
    ]),
  ];
}

/**
 * Every option, those included that share another's line in the help. The old form's are those of build and some more;
 * each is told of once.
 */
export function ownOptions(command: Command): Option[] {
  const isOldForm = command.name() === OLD_FORM;
  return command.options.filter((option) => option.long !== "--help" && isOldOption(option) === isOldForm);
}

function optionEntry(option: Option): string {
  const { names, argument, text } = optionParts(option);
  return entry(names.map(bold).join(", ") + (argument ? ` ${italic(argument)}` : ""), roffText(text));
}

/** An option's names, the word for its value, and what it does, with its choices where the help doesn't name them. */
export function optionParts(option: Option): { names: string[]; argument: string | undefined; text: string } {
  const description = option.description;
  const choices = option.argChoices && !option.argChoices.every((choice) => description.includes(choice));
  return {
    names: [option.short, option.long].filter((name) => name !== undefined),
    argument: /<(.*)>/.exec(option.flags)?.[1],
    text: choices ? `${description}; one of ${option.argChoices?.join(", ")}` : description,
  };
}

function argumentsRoff(command: Command, before = ""): string {
  return `${before}${argumentsText(command)}`.replaceAll(/[A-Z][A-Z-]*/g, italic);
}

function errorCodes(): string {
  const codes = Object.entries(ERROR_TABLE)
    .filter(([, { exitStatus }]) => exitStatus === 2)
    .map(([code]) => bold(code));
  return `An error ends with its code in brackets. Exit status 2 belongs to ${codes.join(", ")}.`;
}
