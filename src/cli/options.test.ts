import { Command, CommanderError } from "commander";
import { describe, expect, it } from "vitest";
import { renderCompletion, SHELLS } from "./completion.ts";
import { configureHelp } from "./help.ts";
import { renderManPage } from "./man.ts";
import { buildOptions } from "./option-table.ts";
import { addBuildOptions, readBuildOptions } from "./options.ts";
import { createProgram } from "./program.ts";
import { usageError } from "./usage-error.ts";

function programWithBuild(): { program: Command; build: Command } {
  const program = new Command("vmbuilder").version("1.2.3", "-V, --version", "show the version");
  const build = program.command("build").argument("[RECIPE]").description("Builds a bootable virtual machine.");
  addBuildOptions(build, { distro: ["debian"] }).action(() => {});
  program
    .command("cache")
    .description("Cache.")
    .command("ls")
    .description("Lists it.")
    .option("--cache-dir <DIR>", "cache");
  configureHelp(program);
  for (const command of [program, build]) command.exitOverride().configureOutput({ outputError: () => {} });
  return { program, build };
}

function parse(...argv: string[]): unknown {
  const { program, build } = programWithBuild();
  program.parse(["build", ...argv], { from: "user" });
  return readBuildOptions(build);
}

describe("readBuildOptions", () => {
  it("keys values as recipes do, and has only what was given", () => {
    expect(parse("web.yaml", "-a", "amd64", "--ssh-key", "k.pub", "-n", "--mem=2048")).toEqual({
      "arch": "amd64",
      "ssh-key": ["k.pub"],
      "dry-run": true,
      "mem": "2048",
    });
  });

  it("gathers lists from repetition, commas and spaces", () => {
    expect(parse("--addpkg", "a,b", "--addpkg", "c  d")).toEqual({ addpkg: ["a", "b", "c", "d"] });
  });
});

describe("usageError", () => {
  it.each([
    [["--rootsiz", "4G"], "unknown option '--rootsiz'", "did you mean --rootsize?"],
    [
      ["--distro", "x"],
      "option '--distro NAME' argument 'x' is invalid. Allowed choices are debian.",
      "see vmbuilder --help",
    ],
  ])("words what commander says of %j", (argv, message, hint) => {
    let caught: unknown;
    try {
      parse(...argv);
    } catch (error) {
      caught = error;
    }
    expect(caught).toBeInstanceOf(CommanderError);
    expect(usageError(caught as CommanderError)).toMatchObject({ code: "usage", exitStatus: 2, message, hint });
  });
});

describe("help", () => {
  const page = (...argv: string[]) => {
    let shown = "";
    const program = createProgram();
    for (const command of [program, ...program.commands]) {
      command.configureOutput({
        writeOut: (text) => {
          shown += text;
        },
        getOutHelpWidth: () => 80,
        getOutHasColors: () => false,
      });
    }
    expect(() => program.parse(argv, { from: "user" })).toThrow("(outputHelp)");
    return shown;
  };

  it.each(["build", "plan"])("of %s is a screen that names every option", (name) => {
    const text = page(name, "--help");
    for (const { key } of buildOptions) expect(text).toMatch(new RegExp(`--${key}\\b`));
    expect(text.split("\n").length).toBeLessThanOrEqual(62);
    for (const line of text.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
  });

  it("explains each option of build by --help-all, whatever else was asked", () => {
    const text = page("build", "--mem", "lots", "--help-all", "nothing.yaml");
    for (const { key } of buildOptions) expect(text).toMatch(new RegExp(`^ +(-., )?--${key}\\b.*(\n +)?[a-z]`, "m"));
    expect(text).not.toContain("  also  ");
  });

  it("of the program shows commands that only group others in one line", () => {
    expect(createProgram().helpInformation()).toMatch(/cache ls\|gc\|verify +Shows/);
  });
});

describe("what derives from the table", () => {
  it("has every option: man page and completion", () => {
    const { program } = programWithBuild();
    const page = renderManPage(program);
    const scripts = SHELLS.map((shell) => renderCompletion(program, shell, ["recipe:web"]));
    for (const { key } of buildOptions) {
      expect(page).toContain(`\\fB\\-\\-${key.replaceAll("-", "\\-")}\\fR`);
      for (const script of scripts) expect(script).toMatch(new RegExp(`(--|-l )${key}\\b`));
    }
  });
});
