import { existsSync } from "node:fs";
import type { Command } from "commander";
import { lockPath } from "../../core/lock-path.ts";
import { ARCHITECTURES } from "../../model/architecture.ts";
import { VmbuilderError } from "../../model/errors.ts";
import { logins } from "../../model/logins.ts";
import type { Lock } from "../../model/package.ts";
import type { Plan } from "../../model/plan.ts";
import type { BuildOptions } from "../../stages/build.ts";
import { makeCompileCache } from "../compile-cache.ts";
import { readExtras } from "../old-extras.ts";
import { oldConfigFiles } from "../old-form.ts";
import { addOldOptions, type OldValues, oldOptionNotes, readOldOptions } from "../old-options.ts";
import { addBuildOptions, type BuildOptionValues, readBuildOptions } from "../options.ts";
import { readSurroundings, recipeOptions } from "../recipe-options.ts";
import type { remoteBuild } from "../remote/remote-build.ts";
import { runSession } from "../session.ts";
import { wantsColor } from "../terminal/color.ts";
import { writeJsonLine } from "../terminal/json-lines.ts";
import { writeNotes } from "../terminal/notes.ts";
import { describePlan, formatPlan } from "../terminal/plan.ts";
import { formatBuildSummary } from "../terminal/summary.ts";

/** Choices of options that no registry says. */
export const BUILD_CHOICES = { arch: [...ARCHITECTURES] };

/** Adds `vmbuilder build`. */
export function addBuild(program: Command): void {
  const command = program
    .command("build")
    .argument("[RECIPE]")
    .summary("Builds a machine from a recipe, options, or both.")
    .description("Builds a virtual machine from a recipe (a YAML file), options, or both.");
  addOldOptions(addBuildOptions(command, BUILD_CHOICES), "hidden").action((recipe: string | undefined) => {
    writeNotes(oldOptionNotes(command));
    const { server, tokenFile } = program.opts<{ server?: string; tokenFile?: string }>();
    if (server !== undefined) return buildThere({ url: server, tokenFile }, recipe, readBuildOptions(command));
    return build(recipe, readBuildOptions(command), readOldOptions(command), "new");
  });
}

async function buildThere(...ask: Parameters<typeof remoteBuild>): Promise<void> {
  const { remoteBuild } = await import("../remote/remote-build.ts");
  return remoteBuild(...ask);
}

/** Builds from a recipe file, options by recipe key, or both; in the old form, the old tool's configuration files count. */
export async function build(
  file: string | undefined,
  given: BuildOptionValues,
  oldGiven: OldValues,
  form: "old" | "new",
): Promise<void> {
  const [{ readRecipes }, { planBuild }] = await Promise.all([
    import("../../core/recipe-file.ts"),
    import("../../stages/plan.ts"),
  ]);
  const configuration = await readConfiguration(oldGiven.config, form, given);
  const values = { ...configuration?.values, ...given };
  const old = { ...configuration?.old, ...oldGiven };
  const cells = await readRecipes(file, recipeOptions(given), {
    ...(await readSurroundings(values)),
    configuration: configuration?.given,
  });
  const planned = await Promise.all(cells.map(async ({ label, recipe }) => ({ label, plan: await planBuild(recipe) })));
  const [first, second] = planned;
  if (!first || second) return buildAll(planned, file, values, old);
  const { plan } = first;
  const extras = await readExtras(old);
  const findLock = await prepareLock(file, plan, values);
  if (values["dry-run"]) {
    await checkInput(plan, values.overwrite ?? false);
    if (values.json) writeJsonLine(process.stdout, { type: "plan", ...describePlan(plan) });
    else process.stdout.write(formatPlan(plan));
    return;
  }
  const isTreeOnly = old["only-chroot"] ?? false;
  if (!isTreeOnly) await confirmLogin(plan, values);
  const overwriteRaw = !isTreeOnly && (await confirmRaw(plan, values));
  const [{ buildMachine }, { defaultCacheDirectory }] = await Promise.all([
    import("../../stages/build.ts"),
    import("../../core/cache.ts"),
  ]);
  await runSession(values, async (session) => {
    const options = {
      cacheDirectory: values["cache-dir"] ?? defaultCacheDirectory(),
      overwrite: values.overwrite ?? false,
      overwriteRaw,
      tmp: extras.tmp,
      signal: session.signal,
      emit: session.emit,
    };
    const make = isTreeOnly ? (await import("../../stages/only-tree.ts")).buildTree : buildMachine;
    const result = await make(plan, { ...options, lock: await findLock(options) });
    await extras.afterBuild(result.directory);
    session.close();
    makeCompileCache();
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
    } else if (isTreeOnly && !values.quiet) {
      process.stdout.write(`the system is ready: ${result.directory}/${result.artifacts[0]?.name}\n`);
    } else if (!values.quiet) {
      const color = wantsColor(process.stdout, process.env);
      if (process.stdout.isTTY) process.stdout.write("\n"); // apart from the steps above
      process.stdout.write(formatBuildSummary(summarize(plan, result), { color }));
    }
  });
}

/** Builds the machines of a matrix. All are checked before any is begun. */
async function buildAll(
  cells: readonly { label: string; plan: Plan }[],
  file: string | undefined,
  values: BuildOptionValues,
  old: OldValues,
): Promise<void> {
  const overwrite = values.overwrite ?? false;
  const hasLock = file !== undefined && existsSync(lockPath(file)) && !values["no-lock"];
  if (values["update-lock"] || hasLock)
    throw new VmbuilderError("usage", "a lock holds the packages of one machine, and this is a matrix", {
      hint: "give --no-lock",
    });
  if (old.manifest !== undefined)
    throw new VmbuilderError("usage", "--manifest names one file, and this is a matrix", {
      hint: "leave it out: each result folder holds its manifest",
    });
  const taken = cells.map(({ plan }) => plan.destination);
  const twice = taken.find((destination, index) => taken.indexOf(destination) !== index);
  if (twice !== undefined)
    throw new VmbuilderError("recipe-invalid", `two machines of the matrix would have the same folder ${twice}`, {
      hint: "give a hostname or dest with variables, such as web-$" + "{suite}",
    });
  for (const { plan } of cells) await checkInput(plan, overwrite);
  if (values["dry-run"]) {
    for (const { label, plan } of cells) {
      if (values.json) writeJsonLine(process.stdout, { type: "plan", cell: label, ...describePlan(plan) });
      else process.stdout.write(`${formatPlan(plan)}\n`);
    }
    return;
  }
  const silent = cells.find(({ plan }) => logins(plan).length === 0);
  if (silent) await confirmLogin(silent.plan, values);
  const [{ buildMatrix }, { defaultCacheDirectory }, { tmp }] = await Promise.all([
    import("./build-matrix.ts"),
    import("../../core/cache.ts"),
    readExtras(old),
  ]);
  await buildMatrix(cells, {
    cacheDirectory: values["cache-dir"] ?? defaultCacheDirectory(),
    overwrite,
    tmp,
    json: values.json,
    quiet: values.quiet,
  });
}

/** Where the packages of a build come from: the lock beside its recipe, or undefined when there is none. */
type FindLock = (options: Pick<BuildOptions, "cacheDirectory" | "signal" | "emit">) => Promise<Lock | undefined>;

/** Reads the lock beside a recipe now, so that one that doesn't fit is refused at once; a new one is made later. */
export async function prepareLock(file: string | undefined, plan: Plan, values: BuildOptionValues): Promise<FindLock> {
  const none = async () => undefined;
  if (values["update-lock"] && (file === undefined || values["no-lock"]))
    throw new VmbuilderError(
      "usage",
      `--update-lock: ${file === undefined ? "there is no recipe" : "--no-lock is given too"}`,
      {
        hint: "a lock stands beside a recipe file: vmbuilder build web.yaml --update-lock",
      },
    );
  if (file === undefined || values["no-lock"]) return none;
  const path = lockPath(file);
  const mustMake = values["update-lock"] ?? false;
  if (!mustMake && !existsSync(path)) return none;
  const { readLock, writeLock } = await import("../../stages/lock.ts");
  if (mustMake) return (options) => writeLock(path, plan, options);
  const lock = await readLock(path, plan);
  return async () => lock;
}

/** Most command lines have nothing to do with the old tool's configuration files, and don't load what reads them. */
async function readConfiguration(config: string | undefined, form: "old" | "new", values: BuildOptionValues) {
  if (form === "new" && config === undefined && !oldConfigFiles().some(existsSync)) return undefined;
  const { readOldConfiguration } = await import("../old-recipe.ts");
  return readOldConfiguration(config, form, values);
}

/** What a build looks at before it touches anything, and the plan doesn't show: key files, and the result folder. */
async function checkInput(plan: Plan, overwrite: boolean): Promise<void> {
  const [{ checkDestination }, { readIdentity }] = await Promise.all([
    import("../../stages/destination.ts"),
    import("../../stages/identity.ts"),
  ]);
  await checkDestination(plan.destination, overwrite);
  if (plan.recipe.raw.length > 0) {
    const { checkRawTargets } = await import("../../stages/raw-targets.ts");
    await checkRawTargets(plan, true); // nothing is destroyed here
  }
  await readIdentity(plan.recipe, plan, new AbortController().signal);
}

/** A machine that nobody can log in to is rarely meant: ask on a terminal, refuse elsewhere. */
async function confirmLogin(plan: Plan, values: BuildOptionValues): Promise<void> {
  if (values["allow-no-login"] || logins(plan).length > 0) return;
  const problem = "nobody could log in to this machine: it has no password and no ssh key";
  const canAsk = process.stdin.isTTY && process.stderr.isTTY && !values.json;
  if (canAsk && (await ask(`${problem}.\nBuild it all the same? [y/N] `))) return;
  throw new VmbuilderError("login-impossible", problem, {
    hint: "add --ssh-key FILE or --rootpass-file FILE; to build it all the same: --allow-no-login",
  });
}

/** What a device holds is lost when a disk is written to it: ask on a terminal, refuse elsewhere. */
async function confirmRaw(plan: Plan, values: BuildOptionValues): Promise<boolean> {
  const mayDestroy = values.yes ?? values.overwrite ?? false;
  if (plan.recipe.raw.length === 0) return mayDestroy;
  const { checkRawTargets } = await import("../../stages/raw-targets.ts");
  const canAsk = process.stdin.isTTY && process.stderr.isTTY && !values.json;
  const full = (await checkRawTargets(plan, mayDestroy || canAsk)).filter(({ holdsData }) => holdsData);
  if (mayDestroy || full.length === 0) return true;
  const names = full.map(({ path }) => path).join(" and ");
  if (await ask(`All that ${names} holds will be lost. Go on? [y/N] `)) return true;
  throw new VmbuilderError("raw-holds-data", `raw: nothing was written to ${names}`);
}

/** An end of input is a no. */
async function ask(question: string): Promise<boolean> {
  const { createInterface } = await import("node:readline"); // rarely wanted
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  return new Promise<boolean>((resolve, reject) => {
    terminal.once("SIGINT", () => reject(new VmbuilderError("interrupted", "stopped by SIGINT")));
    terminal.once("close", () => resolve(false));
    terminal.question(question, (answer) => resolve(/^y(es)?$/i.test(answer.trim())));
  }).finally(() => terminal.close());
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
    ...(hasKey ? { sshCommand: `ssh ${sshTarget(plan, String(account), keyFile)}` } : {}),
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

/** Through the port that run.sh forwards, unless the machine is on a bridge. */
function sshTarget({ network, recipe }: Plan, account: string, keyFile: string): string {
  const [first] = network.interfaces;
  if (!first || first.attachment.kind === "user") return `-p 2222 -i ${keyFile} ${account}@localhost`;
  return `-i ${keyFile} ${account}@${first.addresses[0]?.split("/")[0] ?? recipe.hostname}`;
}
