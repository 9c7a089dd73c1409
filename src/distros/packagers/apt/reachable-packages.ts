import { readdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseDeb822 } from "../../../model/deb822.ts";
import { parseDependencies } from "../../../model/dependency.ts";
import type { PackageRef } from "../../../model/package.ts";
import type { PackageRequest } from "../../../model/plan.ts";
import { namesWith, type PackageList, paragraphAt, withField } from "./package-lists.ts";

/** Packages that can have a part in a request's solution. */
export interface Reachable {
  readonly names: ReadonlySet<string>;
  /** Those that the request itself is for. */
  readonly asked: ReadonlySet<string>;
  /** Who provides a name, of all packages. */
  readonly providers: ReadonlyMap<string, readonly string[]>;
}

/**
 * Finds all packages that can have a part in a request's solution: those that it is for, whatever they may depend on, by any
 * alternative and any version, and all that provide one of these. The solver never looks further, since it takes no
 * recommended packages; of Debian's 60,000 that are some hundreds.
 */
export function reachablePackages(lists: readonly PackageList[], request: PackageRequest): Reachable {
  const providers = providersByName(lists);
  const asked = askedNames(lists, request);
  const names = new Set<string>();
  const open = [...asked, ...(request.optional ?? []), ...request.exclude];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    if (names.has(name)) continue;
    names.add(name);
    open.push(...(providers.get(name) ?? []), ...lists.flatMap((list) => dependenciesOf(list, String(name))));
  }
  return { names, asked, providers };
}

/**
 * Whether a solution holds a package that another one would have done as well as, since a name that both provide is all that is
 * wanted. Which one apt takes then depends on where in its lists each is mentioned first, be it by a package that has no part
 * in this: so it has to read them all to choose as it always does.
 */
export function leavesChoice(
  solution: readonly PackageRef[],
  lists: readonly PackageList[],
  { asked, providers }: Reachable,
): boolean {
  const chosen = new Set(solution.map(({ name }) => name));
  const isPackage = (name: string) => chosen.has(name) || lists.some(({ offsets }) => offsets.has(name));
  const isOpen = (alternatives: readonly string[]) => {
    const taken = alternatives.find((name) => chosen.has(name) || providers.get(name)?.some((one) => chosen.has(one)));
    if (taken === undefined || isPackage(taken)) return false;
    const able = new Set(providers.get(taken));
    return able.size > 1 && ![...able].some((name) => chosen.has(name) && asked.has(name));
  };
  return solution.some(({ depends }) => parseDependencies(depends).some(isOpen));
}

/** Writes lists that hold some packages alone into an empty folder, as trusted as the ones that they are taken from. */
export async function writeLists(
  directory: string,
  lists: readonly PackageList[],
  names: ReadonlySet<string>,
  from: string,
): Promise<void> {
  const releases = (await readdir(from)).filter((file) => /_(InRelease|Release|Release\.gpg)$/.test(file));
  await Promise.all([
    ...releases.map((file) => symlink(join(from, file), join(directory, file))),
    ...lists.map((list) => writeFile(join(directory, list.file), paragraphsOf(list, names))),
  ]);
}

function paragraphsOf(list: PackageList, names: ReadonlySet<string>): Buffer {
  const starts = [...names].flatMap((name) => list.offsets.get(name) ?? []).sort((a, b) => a - b);
  return Buffer.concat(starts.flatMap((start) => [paragraphAt(list, start), Buffer.from("\n\n")]));
}

function askedNames(lists: readonly PackageList[], { priorities, include }: PackageRequest): Set<string> {
  const chosen = lists.flatMap((list) => [
    ...namesWith(list, "Essential", "yes"),
    ...priorities.flatMap((priority) => namesWith(list, "Priority", priority)),
  ]);
  return new Set([...include, ...chosen]);
}

function dependenciesOf(list: PackageList, name: string): string[] {
  const stanzas = (list.offsets.get(name) ?? []).flatMap((start) => parseDeb822(String(paragraphAt(list, start))));
  const fields = stanzas.flatMap((stanza) => [stanza.get("Pre-Depends") ?? "", stanza.get("Depends") ?? ""]);
  return fields.flatMap((field) => parseDependencies(field).flat());
}

/** Of tens of thousands of provided names, so without {@link parseDependencies}, which takes three times as long. */
const PROVIDED_NAME = /(?:^|,)\s*([a-z0-9][a-z0-9+.-]*)/g;

function providersByName(lists: readonly PackageList[]): Map<string, string[]> {
  const providers = new Map<string, string[]>();
  for (const list of lists) {
    for (const { name, value } of withField(list, "Provides")) {
      for (const [, provided = ""] of value.matchAll(PROVIDED_NAME)) {
        const known = providers.get(provided);
        if (known) known.push(name);
        else providers.set(provided, [name]);
      }
    }
  }
  return providers;
}
