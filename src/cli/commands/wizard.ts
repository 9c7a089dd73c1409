import { homedir } from "node:os";
import { join, resolve } from "node:path";
import type { Command } from "commander";
import { VmbuilderError } from "../../model/errors.ts";
import { splitList } from "../options.ts";
import { createPaint, wantsColor } from "../terminal/color.ts";
import { build } from "./build.ts";

/** Adds `vmbuilder wizard`. */
export function addWizard(program: Command): void {
  program
    .command("wizard")
    .argument("[RECIPE]")
    .summary("Asks questions, writes a recipe, builds it.")
    .description(
      "Asks what a machine needs, shows the recipe, saves it as RECIPE (default HOSTNAME.yaml), and builds it.",
    )
    .action((file: string | undefined) => wizard(file));
}

/** Asks one question. An empty answer is the default's. */
type Ask = (question: string, standard: string) => Promise<string>;

async function wizard(asked: string | undefined): Promise<void> {
  if (!process.stdin.isTTY || !process.stderr.isTTY)
    throw new VmbuilderError("usage", "the wizard asks questions, and there is no terminal", {
      hint: "run it on a terminal, or write a recipe: vmbuilder build --help names its keys",
    });
  const [{ createInterface }, { existsSync }, { recipeText }, { writeFileAtomically }] = await Promise.all([
    import("node:readline"),
    import("node:fs"),
    import("../../core/recipe-wizard.ts"),
    import("../../system/files.ts"),
  ]);
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const stopped = new Promise<never>((_, reject) => {
    const stop = () => reject(new VmbuilderError("interrupted", "stopped; nothing was written"));
    terminal.once("SIGINT", () => {
      process.stderr.write("\n"); // away from the question
      stop();
    });
    terminal.once("close", stop); // an end of input
  });
  stopped.catch(() => {}); // each question waits for it
  const paint = createPaint(wantsColor(process.stderr, process.env));
  const ask: Ask = async (question, standard) => {
    const shown = `${paint("bold", question)}${standard === "" ? "" : paint("dim", ` [${standard}]`)} `;
    const answer = new Promise<string>((resolve) => terminal.question(shown, resolve));
    return (await Promise.race([answer, stopped])).trim() || standard;
  };
  let file: string;
  let wantsBuild: boolean;
  try {
    const answers = await askAll(ask);
    const text = recipeText(answers);
    process.stderr.write(`\n${text}\n`);
    file = await askUntil(ask, "Save it as", asked ?? `${answers.hostname}.yaml`, async (name) => {
      if (!existsSync(name)) return;
      throw new VmbuilderError("dest-exists", `${name} exists already`, { hint: "choose another name" });
    });
    wantsBuild = isYes(await ask("Build it now?", "y"));
    await writeFileAtomically(file, text);
  } finally {
    terminal.close();
  }
  process.stderr.write(`${file} is saved; vmbuilder build ${file} builds it\n`);
  if (wantsBuild) await build(file, {}, {}, "new");
}

async function askAll(ask: Ask) {
  const [{ readRecipe }, { planBuild }] = await Promise.all([
    import("../../core/recipe-file.ts"),
    import("../../stages/plan.ts"),
  ]);
  const check = (key: string) => async (value: string) => {
    if (value !== "") await readRecipe(undefined, { [key]: key === "addpkg" ? splitList(value) : value });
  };
  const suite = await askUntil(ask, "Release of Debian, such as trixie or stable", "stable", async (value) => {
    await planBuild(await readRecipe(undefined, { suite: value }));
  });
  const hostname = await askUntil(ask, "Name of the machine", "vm", check("hostname"));
  const user = await askUntil(ask, "User who may use sudo, or root alone", process.env.USER || "root", async (name) => {
    if (name !== "root") await planBuild(await readRecipe(undefined, { user: name }));
  });
  const key = await askUntil(ask, "Public ssh key to log in with", (await findKeys())[0] ?? "", checkKey);
  const rootsize = await askUntil(ask, "Size of the root file system", "4G", check("rootsize"));
  const mem = await askUntil(ask, "Memory in MB", "1024", check("mem"));
  const packages = await askUntil(ask, "Packages to add, such as nginx curl", "", check("addpkg"));
  // Absolute: the recipe may be saved elsewhere.
  return {
    suite,
    hostname,
    user: user === "root" ? "" : user,
    key: resolve(fromHome(key)),
    rootsize,
    mem,
    packages: splitList(packages),
  };
}

/** Asks until the answer passes; says what is wrong with it. */
async function askUntil(
  ask: Ask,
  question: string,
  standard: string,
  check: (answer: string) => Promise<void>,
): Promise<string> {
  for (;;) {
    const answer = await ask(question, standard);
    try {
      await check(answer);
      return answer;
    } catch (error) {
      if (!(error instanceof VmbuilderError) || error.code === "interrupted") throw error;
      process.stderr.write(`  ${error.message.replace(/^--[a-z-]+: /, "")}${error.hint ? ` (${error.hint})` : ""}\n`);
    }
  }
}

async function checkKey(path: string): Promise<void> {
  const [{ readSmallFile }, { isSshKeyLine }] = await Promise.all([
    import("../../system/files.ts"),
    import("../../model/recipe.ts"),
  ]);
  if (path === "")
    throw new VmbuilderError("login-impossible", "without a key nobody could log in", {
      hint: "make one with ssh-keygen -t ed25519, in another terminal",
    });
  const [line = ""] = (await readSmallFile(fromHome(path), 64 * 1024)).split("\n");
  if (!isSshKeyLine(line)) throw new VmbuilderError("recipe-invalid", `${path} holds no public key`);
}

/** A shell would have done this. */
function fromHome(path: string): string {
  return path.startsWith("~/") ? join(homedir(), path.slice(2)) : path;
}

/** Public keys in ~/.ssh, the usual kind first. */
async function findKeys(): Promise<string[]> {
  const { readdir } = await import("node:fs/promises");
  const folder = join(homedir(), ".ssh");
  const names = await readdir(folder).catch(() => []);
  const isUsual = (name: string) => name === "id_ed25519.pub";
  return names
    .filter((name) => name.endsWith(".pub"))
    .sort((a, b) => Number(isUsual(b)) - Number(isUsual(a)))
    .map((name) => join(folder, name));
}

function isYes(answer: string): boolean {
  return /^y(es)?$/i.test(answer);
}
