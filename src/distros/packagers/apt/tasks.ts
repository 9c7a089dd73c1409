import { VmbuilderError } from "../../../model/errors.ts";
import { nearestName } from "../../../model/nearest-name.ts";
import { isTask, type PackageRequest } from "../../../model/plan.ts";
import { type PackageList, withField } from "./package-lists.ts";

/**
 * Puts the packages of tasks, which are asked for as `NAME^`, into a request, as apt-get(8) does: those that have the task
 * in the field Task of the package lists.
 *
 * @throws package-unknown
 */
export function expandTasks(request: PackageRequest, lists: readonly PackageList[]): PackageRequest {
  if (!request.include.some(isTask)) return request;
  const tasks = readTasks(lists);
  const excluded = new Set(request.exclude);
  const include = request.include.flatMap((name) => {
    if (!isTask(name)) return [name];
    const members = tasks.get(name.slice(0, -1));
    if (!members) throw unknownTask(name.slice(0, -1), [...tasks.keys()], lists);
    return [...members].filter((one) => !excluded.has(one));
  });
  return { ...request, include: [...new Set(include)] };
}

function readTasks(lists: readonly PackageList[]): Map<string, Set<string>> {
  const tasks = new Map<string, Set<string>>();
  for (const list of lists) {
    for (const { name, value } of withField(list, "Task")) {
      for (const task of value.split(/,\s*/)) {
        const members = tasks.get(task);
        if (members) members.add(name);
        else tasks.set(task, new Set([name]));
      }
    }
  }
  return tasks;
}

function unknownTask(name: string, known: readonly string[], lists: readonly PackageList[]): VmbuilderError {
  const metapackage = `task-${name}`; // as Debian has them
  const isPackage = lists.some(({ offsets }) => offsets.has(metapackage));
  const near = nearestName(name, known);
  return new VmbuilderError("package-unknown", `no task ${name} in this suite`, {
    hint: isPackage
      ? `here it is a package: ${metapackage}`
      : `${near ? `did you mean ${near}^? ` : ""}check the spelling, --suite and --components`,
  });
}
