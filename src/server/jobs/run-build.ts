import { readdir } from "node:fs/promises";
import { constants, getPriority, setPriority } from "node:os";
import { basename, join } from "node:path";
import { createInterface } from "node:readline";
import { FORMATS } from "../../formats/index.ts";
import { VmbuilderError } from "../../model/errors.ts";
import type { BuildEvent } from "../../model/events.ts";
import { describeArtifact } from "../../stages/artifact.ts";
import { processStart, readSmallFile } from "../../system/files.ts";
import { lastLines, start } from "../../system/process.ts";
import type { ImageFacts, ImageFile, NewImage } from "./job-store.ts";

/** How `vmbuilder build` is run for a job. */
export interface BuildRun {
  /** The command line's own program and arguments. */
  readonly command: readonly string[];
  readonly recipe: string;
  readonly destination: string;
  readonly cacheDirectory: string | undefined;
  readonly allowNoLogin: boolean;
  readonly signal: AbortSignal;
  onProcess(name: string): Promise<void>;
  onEvent(event: BuildEvent): void;
}

/** A line that `vmbuilder build --json` prints beside its events. */
type Line =
  | BuildEvent
  | { type: "error"; code: string; message: string; hint?: string }
  | { type: "result"; artifacts: { name: string; sizeBytes: number; sha256: string }[] };

/** What went wrong in a build, with what it said last. */
export class BuildFailure extends Error {
  readonly code: string;
  readonly hint: string | null;
  readonly detail: string | null;

  constructor(code: string, message: string, hint: string | null, detail: string | null) {
    super(message);
    this.code = code;
    this.hint = hint;
    this.detail = detail;
  }
}

/**
 * Runs a real build in a process of its own, and reads its events.
 *
 * @throws BuildFailure; interrupted
 */
export async function runBuild(run: BuildRun): Promise<NewImage> {
  const argv = [
    ...run.command,
    ...["build", run.recipe, "--json", "--no-lock", "--dest", run.destination],
    ...(run.cacheDirectory === undefined ? [] : ["--cache-dir", run.cacheDirectory]),
    ...(run.allowNoLogin ? ["--allow-no-login"] : []),
  ];
  const env = Object.fromEntries(Object.entries(process.env).filter((entry): entry is [string, string] => !!entry[1]));
  const child = start(argv, { env, signal: run.signal });
  giveWay(child.pid);
  child.stdin.end();
  // Read from the start on: of a build that ends at once nothing would come any more.
  const lines = createInterface({ input: child.stdout, crlfDelay: Number.POSITIVE_INFINITY })[Symbol.asyncIterator]();
  await run.onProcess(await processName(child.pid));
  let error: (Line & { type: "error" }) | undefined;
  let result: (Line & { type: "result" }) | undefined;
  for await (const text of lines) {
    const line = parseLine(text);
    if (line?.type === "error") error = line;
    else if (line?.type === "result") result = line;
    else if (line) run.onEvent(line);
  }
  try {
    await child.done;
  } catch (cause) {
    if (run.signal.aborted) throw run.signal.reason;
    const said = cause instanceof VmbuilderError ? (cause.detail ?? "") : String(cause);
    // What a structured error says stands at the end once more, for a terminal.
    const before = error ? (said.split(`vmbuilder: error: ${error.message}`)[0] ?? "") : said;
    const detail = lastLines(before, 30).trim() || null;
    if (error) throw new BuildFailure(error.code, error.message, error.hint ?? null, detail);
    throw new BuildFailure("command-failed", "vmbuilder ended without saying why", null, detail);
  }
  if (!result) throw new BuildFailure("command-failed", "vmbuilder ended without a result", null, null);
  return describeImage(run.destination, result.artifacts);
}

/** What the build starts inherits it, and the server answers beside it. The worker keeps its own: it holds the database's lock. */
function giveWay(pid: number): void {
  try {
    setPriority(pid, Math.max(getPriority(), constants.priority.PRIORITY_BELOW_NORMAL));
  } catch {
    // it has ended already, which is told below
  }
}

/** Names a process for good; see {@link endProcess}. */
async function processName(pid: number): Promise<string> {
  return `${pid} ${await processStart(pid)}`;
}

/** Ends a build that a worker left, with all that it started; not another process which has its number now. */
export async function endProcess(name: string): Promise<void> {
  const [pid = "", startedAt] = name.split(" ");
  if ((await processStart(Number(pid))) !== startedAt) return;
  try {
    process.kill(-Number(pid), "SIGKILL");
  } catch {
    // it has just ended
  }
}

function parseLine(text: string): Line | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && "type" in value ? (value as Line) : undefined;
  } catch {
    return undefined;
  }
}

/** What lies in a result folder, but for what is its owner's alone (dot files). */
async function describeImage(directory: string, artifacts: readonly Omit<ImageFile, "format">[]): Promise<NewImage> {
  const names = (await readdir(directory, { withFileTypes: true })).filter((entry) => entry.isFile());
  const files: ImageFile[] = [];
  for (const { name } of names
    .filter((entry) => !entry.name.startsWith("."))
    .sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const known = artifacts.find((artifact) => artifact.name === name);
    const { sizeBytes, sha256 } = known ?? (await describeArtifact(directory, name));
    files.push({ name, sizeBytes, sha256, format: formatOf(name) });
  }
  return { id: basename(directory), facts: await readFacts(directory), files };
}

const LARGEST_RECORD_BYTES = 64 * 1024 * 1024;

async function readFacts(directory: string): Promise<ImageFacts> {
  const record = JSON.parse(await readSmallFile(join(directory, "build.json"), LARGEST_RECORD_BYTES)) as {
    recipe: { distro: string; hypervisor: string[] };
    plan: { suite: string; architecture: string };
  };
  const { recipe, plan } = record;
  return { distro: recipe.distro, suite: plan.suite, architecture: plan.architecture, hypervisors: recipe.hypervisor };
}

function formatOf(name: string): string | null {
  if (name.endsWith(".ova")) return "ova";
  const fitting = FORMATS.filter(({ suffix }) => name.endsWith(suffix)).sort(
    (a, b) => b.suffix.length - a.suffix.length,
  );
  return fitting[0]?.name ?? null;
}
