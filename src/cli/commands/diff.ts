import { stat } from "node:fs/promises";
import { join } from "node:path";
import { type Command, CommanderError } from "commander";
import { VmbuilderError } from "../../model/errors.ts";
import { writeJsonLine } from "../terminal/json-lines.ts";

/** Code of the end of a comparison that found a difference: status 1, as diff(1) has it. */
export const DIFFERENT = "vmbuilder.different";
const LARGEST_MANIFEST_BYTES = 16 * 1024 * 1024;

/** Adds `vmbuilder diff`. */
export function addDiff(program: Command): void {
  program
    .command("diff")
    .argument("<A>", "folder of a built machine, or a manifest")
    .argument("<B>", "another one")
    .summary("Compares the packages of two machines.")
    .description("Compares the packages of two machines. Exit status: 0 the same, 1 different, 2 trouble.")
    .option("--json", "the result as a line of JSON")
    .action((a: string, b: string, options: { json?: boolean }) => diff(a, b, options));
}

async function diff(a: string, b: string, { json }: { json?: boolean }): Promise<void> {
  const { diffPackages } = await import("../../model/package-diff.ts");
  const { added, removed, changed } = diffPackages(await readManifest(a), await readManifest(b));
  if (json) writeJsonLine(process.stdout, { type: "result", added, removed, changed });
  else {
    const lines = [
      ...removed.map(({ name, version, architecture }) => `- ${name} ${version} ${architecture}\n`),
      ...added.map(({ name, version, architecture }) => `+ ${name} ${version} ${architecture}\n`),
      ...changed.map(({ name, architecture, from, to }) => `! ${name} ${from} -> ${to} ${architecture}\n`),
    ];
    process.stdout.write(lines.join(""));
  }
  if (added.length + removed.length + changed.length > 0) throw new CommanderError(1, DIFFERENT, "they differ");
}

async function readManifest(path: string) {
  const [{ readSmallFile }, { parseManifest }] = await Promise.all([
    import("../../system/files.ts"),
    import("../../model/package-diff.ts"),
  ]);
  const isFolder = await stat(path).then(
    (info) => info.isDirectory(),
    () => false, // reading it says why
  );
  const file = isFolder ? join(path, "manifest") : path;
  const packages = parseManifest(await readSmallFile(file, LARGEST_MANIFEST_BYTES));
  if (packages) return packages;
  throw new VmbuilderError("machine-invalid", `${file} is no list of packages`, {
    hint: "give the folder of a built machine, or its file manifest",
  });
}
