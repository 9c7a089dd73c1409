import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { VmbuilderError } from "../../../model/errors.ts";
import { nearestName } from "../../../model/nearest-name.ts";
import { isTask, type PackageRequest } from "../../../model/plan.ts";

/**
 * Puts the packages of tasks, which are asked for as `NAME^`, into a request, as apt-get(8) does: those that have the task
 * in the field Task of the package lists.
 *
 * @throws package-unknown
 */
export async function expandTasks(request: PackageRequest, lists: string): Promise<PackageRequest> {
  if (!request.include.some(isTask)) return request;
  const files = (await readdir(lists)).filter((name) => name.endsWith("_Packages"));
  const indices = await Promise.all(files.map((name) => readFile(join(lists, name))));
  const tasks = readTasks(indices);
  const excluded = new Set(request.exclude);
  const include = request.include.flatMap((name) => {
    if (!isTask(name)) return [name];
    const members = tasks.get(name.slice(0, -1));
    if (!members) throw unknownTask(name.slice(0, -1), [...tasks.keys()], indices);
    return [...members].filter((one) => !excluded.has(one));
  });
  return { ...request, include: [...new Set(include)] };
}

const FIELD = "\nTask: ";
const FIRST_FIELD = "Package: ";

/** The packages of each task. Few paragraphs have the field, and the lists are large, so none is parsed. */
function readTasks(indices: readonly Buffer[]): Map<string, Set<string>> {
  const tasks = new Map<string, Set<string>>();
  for (const bytes of indices) {
    for (let at = bytes.indexOf(FIELD); at !== -1; at = bytes.indexOf(FIELD, at + 1)) {
      const start = bytes.lastIndexOf("\n\n", at);
      const packageName = lineAt(bytes, (start === -1 ? 0 : start + 2) + FIRST_FIELD.length);
      for (const task of lineAt(bytes, at + FIELD.length).split(/,\s*/)) {
        const members = tasks.get(task);
        if (members) members.add(packageName);
        else tasks.set(task, new Set([packageName]));
      }
    }
  }
  return tasks;
}

function lineAt(bytes: Buffer, start: number): string {
  const end = bytes.indexOf("\n", start);
  return bytes.toString("latin1", start, end === -1 ? bytes.length : end).trim();
}

function unknownTask(name: string, known: readonly string[], indices: readonly Buffer[]): VmbuilderError {
  const metapackage = `task-${name}`; // as Debian has them
  const isPackage = indices.some((bytes) => bytes.includes(`${FIRST_FIELD}${metapackage}\n`));
  const near = nearestName(name, known);
  return new VmbuilderError("package-unknown", `no task ${name} in this suite`, {
    hint: isPackage
      ? `here it is a package: ${metapackage}`
      : `${near ? `did you mean ${near}^? ` : ""}check the spelling, --suite and --components`,
  });
}
