import type { Command, Option } from "commander";
import { argumentsText, commandPath } from "../../src/cli/help.ts";
import { documentedCommands, optionParts, ownOptions } from "../../src/cli/man.ts";
import { MAN_EXAMPLES } from "../../src/cli/man-text.ts";
import { describe, escapeHtml, slug } from "./html.ts";
import { codeBlock } from "./markdown.ts";
import type { Page } from "./page.ts";
import { type PageWriter, writePage } from "./page-writer.ts";

/** Every command, its arguments and its options, from the command line itself. */
export function commandsPage(program: Command): Page {
  const page = writePage(
    "commands.html",
    "Commands",
    "Made from the command line itself, as <code>vmbuilder --help</code> and the manual page are.",
  );
  const groups = Map.groupBy(documentedCommands(program), groupOf);
  page.heading(2, "All commands");
  for (const [group, commands] of groups) {
    page.html(`<p class="group">${escapeHtml(group)}</p>\n`);
    page.terms(
      commands.map((command) => ({
        term: `<a href="#${slug(commandPath(command))}"><code>${escapeHtml(title(command))}</code></a>`,
        text: describe(command.summary() || command.description()),
      })),
    );
  }
  page.heading(2, "For every command");
  page.terms(program.options.map((option) => optionTerm("", option)));
  for (const command of [...groups.values()].flat()) writeCommand(page, command);
  page.heading(2, "Examples");
  for (const { text, lines } of MAN_EXAMPLES)
    page.html(`<p>${escapeHtml(text)}</p>\n${codeBlock(lines.join("\n"), "sh")}`);
  return page.page();
}

function groupOf(command: Command): string {
  return command.helpGroup() || command.parent?.helpGroup() || "Other";
}

function title(command: Command): string {
  return `${commandPath(command)} ${argumentsText(command)}`.trimEnd();
}

function writeCommand(page: PageWriter, command: Command): void {
  const id = slug(commandPath(command));
  page.heading(2, `<code>${escapeHtml(title(command))}</code>`, id);
  page.html(`<p>${describe(command.description())}</p>\n`);
  page.terms(
    command.registeredArguments
      .filter(({ description }) => description !== "")
      .map((argument) => ({
        term: `<code>${escapeHtml(argument.name())}</code>`,
        text: describe(argument.description),
      })),
  );
  for (const [heading, options] of Map.groupBy(ownOptions(command), ({ helpGroupHeading }) => helpGroupHeading ?? "")) {
    if (heading !== "" && heading !== "Options") page.heading(3, escapeHtml(heading), `${id}-${slug(heading)}`);
    page.terms(options.map((option) => optionTerm(id, option)));
  }
}

function optionTerm(command: string, option: Option): { id: string; term: string; text: string } {
  const { names, argument, text } = optionParts(option);
  const value = argument === undefined ? "" : ` <var>${escapeHtml(argument)}</var>`;
  return {
    id: `${command}--${option.name()}`,
    term: names.map((name) => `<code>${name}</code>`).join(", ") + value,
    text: describe(text),
  };
}
