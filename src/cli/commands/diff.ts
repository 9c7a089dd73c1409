import { type Command, CommanderError } from "commander";
import type { MachineDiff } from "../../machines/compare.ts";
import { runSession } from "../session.ts";
import { writeJsonLine } from "../terminal/json-lines.ts";

/** Code of the end of a comparison that found a difference: status 1, as diff(1) has it. */
export const DIFFERENT = "vmbuilder.different";

/** Adds `vmbuilder diff`. */
export function addDiff(program: Command): void {
  program
    .command("diff")
    .argument("<A>", "folder of a built machine, a disk image, or a manifest")
    .argument("<B>", "another one")
    .summary("Compares packages and files of two machines.")
    .description(
      "Compares the packages and files of two machines, as their disks hold them now; a manifest has packages alone. Exit status: 0 the same, 1 different, 2 trouble.",
    )
    .option("--packages", "packages alone, for folders as they were built")
    .option("--json", "the result as a line of JSON")
    .action((a: string, b: string, options: DiffOptions) => diff(a, b, options));
}

interface DiffOptions {
  readonly packages?: boolean;
  readonly json?: boolean;
}

async function diff(a: string, b: string, { packages, json }: DiffOptions): Promise<void> {
  const { compareMachines } = await import("../../machines/compare.ts");
  const found = await runSession({ quiet: true }, ({ signal }) => compareMachines(a, b, packages ?? false, signal));
  if (json)
    writeJsonLine(process.stdout, { type: "result", ...found.packages, ...(found.files && describe(found.files)) });
  else process.stdout.write(await format(found));
  if (countOf(found) > 0) throw new CommanderError(1, DIFFERENT, "they differ");
}

function countOf({ packages, files }: MachineDiff): number {
  return [packages, ...(files ? [files] : [])]
    .flatMap(({ added, removed, changed }) => [added, removed, changed])
    .reduce((sum, list) => sum + list.length, 0);
}

type Files = NonNullable<MachineDiff["files"]>;
type Facts = Files["added"][number]["file"];

function describe({ added, removed, changed, totalBytes }: Files): object {
  const facts = ({ type, mode, uid, gid, sizeBytes, target }: Facts) => {
    return { type, mode, uid, gid, sizeBytes, ...(target === "" ? {} : { target }) };
  };
  const listed = (list: Files["added"]) => list.map(({ path, file }) => ({ path, ...facts(file) }));
  return {
    files: {
      added: listed(added),
      removed: listed(removed),
      changed: changed.map(({ path, before, after, aspects }) => {
        return { path, aspects, before: facts(before), after: facts(after) };
      }),
    },
    totalBytes,
  };
}

/** Packages first, then files by path, then what the files take together. */
async function format({ packages: { added, removed, changed }, files }: MachineDiff): Promise<string> {
  const [{ describeChange }, { escapeControls }, { formatSize }] = await Promise.all([
    import("../../model/file-diff.ts"),
    import("../../model/escape-controls.ts"),
    import("../../model/size.ts"),
  ]);
  const packageLines = [
    ...removed.map(({ name, version, architecture }) => `- ${name} ${version} ${architecture}`),
    ...added.map(({ name, version, architecture }) => `+ ${name} ${version} ${architecture}`),
    ...changed.map(({ name, architecture, from, to }) => `! ${name} ${from} -> ${to} ${architecture}`),
  ];
  if (!files) return packageLines.map((line) => `${line}\n`).join("");
  const fileLines = [
    ...files.removed.map(({ path }) => ({ path, line: `- ${path}` })),
    ...files.added.map(({ path }) => ({ path, line: `+ ${path}` })),
    ...files.changed.map((one) => ({ path: one.path, line: `! ${one.path} ${describeChange(one)}` })),
  ].sort((a, b) => (a.path < b.path ? -1 : 1));
  const { before, after } = files.totalBytes;
  const total = before === after ? [] : [`! files together ${formatSize(before)} -> ${formatSize(after)}`];
  return [...packageLines, ...fileLines.map(({ line }) => line), ...total]
    .map((line) => `${escapeControls(line)}\n`)
    .join("");
}
