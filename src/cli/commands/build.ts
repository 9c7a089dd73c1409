import { createInterface } from "node:readline/promises";
import type { Command } from "commander";
import { VmbuilderError } from "../../model/errors.ts";
import type { Plan } from "../../model/plan.ts";
import { formatBytes, formatSize } from "../../model/size.ts";
import { addBuildOptions, type BuildOptionValues, readBuildOptions } from "../options.ts";
import { runSession } from "../session.ts";
import { wantsColor } from "../terminal/color.ts";
import { writeJsonLine } from "../terminal/json-lines.ts";
import { formatBuildSummary } from "../terminal/summary.ts";

/** Options that say how to build, not what; they have no place in a recipe. */
const HOW = [
  "dry-run",
  "json",
  "quiet",
  "verbose",
  "overwrite",
  "cache-dir",
  "pass-file",
  "rootpass-file",
  "allow-no-login",
] as const;

/** Adds `vmbuilder build`. */
export function addBuild(program: Command): void {
  const command = program
    .command("build")
    .argument("[RECIPE]")
    .description("Builds a virtual machine from a recipe (YAML), options, or both.");
  addBuildOptions(command, { arch: ["amd64", "arm64"] }).action((recipe: string | undefined) =>
    build(recipe, readBuildOptions(command)),
  );
}

async function build(file: string | undefined, values: BuildOptionValues): Promise<void> {
  const [{ readRecipe }, { planBuild }] = await Promise.all([
    import("../../core/recipe-file.ts"),
    import("../../stages/plan.ts"),
  ]);
  const recipe = await readRecipe(file, { ...withoutHow(values), ...(await readPasswords(values)) });
  const plan = await planBuild(recipe);
  if (values["dry-run"]) {
    if (values.json) writeJsonLine(process.stdout, { type: "plan", ...describePlan(plan) });
    else process.stdout.write(formatPlan(plan));
    return;
  }
  await confirmLogin(plan, values);
  const [{ buildMachine }, { defaultCacheDirectory }] = await Promise.all([
    import("../../stages/build.ts"),
    import("../../core/cache.ts"),
  ]);
  await runSession(values, async (session) => {
    const options = {
      cacheDirectory: values["cache-dir"] ?? defaultCacheDirectory(),
      overwrite: values.overwrite ?? false,
      signal: session.signal,
      emit: session.emit,
    };
    const result = await buildMachine(plan, options);
    session.close();
    if (values.json) {
      const { directory, artifacts, seconds, cached } = result;
      writeJsonLine(process.stdout, {
        type: "result",
        directory,
        artifacts,
        packages: result.packages,
        seconds,
        cached,
      });
    } else if (!values.quiet) {
      const color = wantsColor(process.stdout, process.env);
      process.stdout.write(formatBuildSummary(summarize(plan, result), { color }));
    }
  });
}

function withoutHow(values: BuildOptionValues): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).filter(([key]) => !(HOW as readonly string[]).includes(key)));
}

async function readPasswords(values: BuildOptionValues): Promise<{ pass?: string; rootpass?: string }> {
  const pass = await readPassword("pass-file", values["pass-file"]);
  const rootpass = await readPassword("rootpass-file", values["rootpass-file"]);
  return { ...(pass === undefined ? {} : { pass }), ...(rootpass === undefined ? {} : { rootpass }) };
}

async function readPassword(option: string, path: string | undefined): Promise<string | undefined> {
  if (path === undefined) return undefined;
  const { readFile } = await import("node:fs/promises");
  const text = await readFile(path, "utf8").catch((cause: unknown) => {
    throw new VmbuilderError("file-unreadable", `--${option}: cannot read ${path}`, {
      hint: "give a file whose first line is the password",
      cause,
    });
  });
  return text.split("\n")[0] ?? "";
}

/** A machine that nobody can log in to is rarely meant: ask on a terminal, refuse elsewhere. */
async function confirmLogin({ recipe }: Plan, values: BuildOptionValues): Promise<void> {
  const possible = recipe.rootpass ?? recipe.pass ?? recipe["ssh-key"][0] ?? recipe["ssh-user-key"][0];
  if (possible !== undefined || values["allow-no-login"]) return;
  const problem = "nobody could log in to this machine: it has no password and no ssh key";
  if (process.stdin.isTTY && process.stderr.isTTY && !values.json) {
    const terminal = createInterface({ input: process.stdin, output: process.stderr });
    const answer = await terminal.question(`${problem}.\nBuild it all the same? [y/N] `);
    terminal.close();
    if (/^y(es)?$/i.test(answer.trim())) return;
  }
  throw new VmbuilderError("login-impossible", problem, {
    hint: "add --ssh-key FILE or --rootpass-file FILE; to build it all the same: --allow-no-login",
  });
}

function summarize(
  plan: Plan,
  result: {
    directory: string;
    artifacts: readonly { name: string; sizeBytes: number }[];
    packages: number;
    seconds: number;
    cached: readonly string[];
  },
) {
  const { recipe } = plan;
  const account =
    recipe["ssh-user-key"].length > 0 || (recipe.user && recipe["ssh-key"].length === 0) ? recipe.user : "root";
  const hasKey = recipe["ssh-key"].length > 0 || recipe["ssh-user-key"].length > 0;
  const passwords = [recipe.rootpass ? "root" : undefined, recipe.pass ? recipe.user : undefined].filter(
    (name) => name,
  );
  const keyFile = (recipe["ssh-user-key"][0] ?? recipe["ssh-key"][0] ?? "").replace(/\.pub$/, "");
  return {
    hostname: recipe.hostname,
    directory: result.directory,
    files: result.artifacts.map(({ name, sizeBytes }) => ({ name, sizeBytes })),
    startCommand: `${result.directory}/run.sh`,
    ...(hasKey ? { sshCommand: `ssh -p 2222 -i ${keyFile} ${account}@localhost` } : {}),
    loginNote:
      passwords.length > 0
        ? `on the console with the password of ${passwords.join(" or ")}`
        : hasKey
          ? "no password is set: log in by ssh"
          : "nobody can log in",
    packages: result.packages,
    seconds: result.seconds,
    cached: [...result.cached],
    warnings: [],
  };
}

function describePlan(plan: Plan) {
  const { recipe, ...rest } = plan;
  const shown = {
    ...recipe,
    ...(recipe.pass ? { pass: "(set)" } : {}),
    ...(recipe.rootpass ? { rootpass: "(set)" } : {}),
  };
  return { recipe: shown, ...rest };
}

function formatPlan(plan: Plan): string {
  const { recipe, disk, packages } = plan;
  const rows = disk.partitions.map(
    ({ number, role, startSector, sizeSectors }) =>
      `  ${String(number).padStart(2)}  ${role.padEnd(10)} ${formatSize(sizeSectors * 512).padStart(10)}   at ${formatSize(startSector * 512)}`,
  );
  return [
    `${recipe.hostname}: ${recipe.distro} ${plan.suite}, ${plan.architecture}, for ${recipe.hypervisor.join(", ")}`,
    "",
    `Disk of ${formatBytes(disk.sizeBytes)}, GPT`,
    ...rows,
    "",
    `Packages of priority ${packages.priorities.join(" and ")}, and`,
    `  ${packages.include.join(" ")}`,
    ...(packages.exclude.length > 0 ? [`without ${packages.exclude.join(" ")}`] : []),
    "",
    `Mirror   ${recipe.mirror ?? "the default"}`,
    `Result   ${plan.destination}`,
    "",
  ].join("\n");
}
