/** Every command of the documentation, read by the real command line: a wrong option, argument, choice or target fails. */
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import type { Command, CommanderError } from "commander";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { descendants } from "../../src/cli/help.ts";
import { createProgram } from "../../src/cli/program.ts";
import { recipeFileSchema } from "../../src/cli/recipe-schema.ts";
import { type DocCommand, docCommands, documents, simpleCommands } from "../fixtures/doc-commands.ts";

const ROOT = join(import.meta.dirname, "../..");
const commands = docCommands();

/** What the command line says against a command; nothing is done. */
async function complaint(words: readonly string[]): Promise<CommanderError | undefined> {
  const program = createProgram();
  for (const command of [program, ...descendants(program)] as Command[]) {
    if (command.commands.length === 0) command.action(() => {});
    command.configureOutput({ writeOut: () => {}, writeErr: () => {}, outputError: () => {} });
  }
  try {
    await program.parseAsync([...words], { from: "user" });
    return undefined;
  } catch (error) {
    return error as CommanderError;
  }
}

/** As bin/vmbuilder passes it on. */
function programWords({ words: [name, ...rest] }: DocCommand): string[] {
  return (name === "ubuntu-vm-builder" ? [name, ...rest] : rest).filter((word) => word !== "…");
}

describe("a command of the documentation", () => {
  it("is found, wherever it stands", () => {
    expect(commands.filter(({ isBlock }) => isBlock).length).toBeGreaterThan(80);
    expect(simpleCommands(`A=1 x "a b" 'c#d' e#f > out 2>&1 | y; z \\ # no`)).toEqual([
      ["A=1", "x", "a b", "c#d", "e#f"],
      ["y"],
      ["z", "\\"],
    ]);
  });

  it.each(commands.filter(({ words }) => words[0] !== "make"))("$place: $line", async (command) => {
    const words = programWords(command);
    if (words.length === 0) return expect(command.isBlock).toBe(false); // the program's name in a sentence
    const error = await complaint(words);
    const isHelp = error?.code === "commander.helpDisplayed";
    // A sentence may leave out what isn't its point.
    const isShort = !command.isBlock && /^commander\.missing(Argument|MandatoryOptionValue)$/.test(error?.code ?? "");
    if (!isHelp && !isShort) expect(error?.message).toBeUndefined();
  });

  it.each(commands.filter(({ words }) => words[0] === "make"))("$place: $line has a target", ({ words, isBlock }) => {
    const targets = [...readFileSync(join(ROOT, "Makefile"), "utf8").matchAll(/^([a-z][a-z0-9 -]*):/gm)].flatMap(
      ([, names = ""]) => names.split(" "),
    );
    const asked = words.slice(1).filter((word) => !/[=…]/.test(word));
    if (isBlock) expect(asked).not.toEqual([]);
    for (const target of asked) expect(targets).toContain(target);
  });

  it("is refused when it is wrong", async () => {
    expect((await complaint(["build", "--hostnam", "x"]))?.message).toContain("--hostnam");
    expect((await complaint(["build", "--label", "bsd"]))?.message).toContain("bsd");
    expect((await complaint(["diff", "a"]))?.code).toBe("commander.missingArgument");
    expect((await complaint(["nonsense"]))?.message).toContain("nonsense");
  });
});

describe("a recipe of the documentation, or one that comes with vmbuilder", () => {
  const schema = recipeFileSchema(createProgram());
  const validate = new Ajv2020({ strict: false, validateFormats: false }).compile(schema);
  const recipes = documents().flatMap((file) =>
    [...readFileSync(join(ROOT, file), "utf8").matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, text = ""], index) => ({
      file,
      index,
      text,
    })),
  );

  it("is found", () => expect(recipes.length).toBeGreaterThan(10));
  it.each(recipes)("has known keys and fit values: $file, $index", ({ text }) => {
    validate(parse(text));
    expect(validate.errors ?? []).toEqual([]);
  });

  const shipped = globSync("recipes/{*.yaml,*/recipe.yaml}", { cwd: ROOT });
  it("is found among those that come with vmbuilder", () => expect(shipped.length).toBeGreaterThan(10));
  it.each(shipped)("has known keys and fit values: %s", (file) => {
    validate(parse(readFileSync(join(ROOT, file), "utf8")));
    expect(validate.errors ?? []).toEqual([]);
  });
});
