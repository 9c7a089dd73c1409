import { mkdtemp } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { parseDeb822, type Stanza } from "../../../model/deb822.ts";
import { VmbuilderError } from "../../../model/errors.ts";
import type { PackageRef } from "../../../model/package.ts";
import type { LocalDeb, PackageRequest } from "../../../model/plan.ts";
import { CommandError, run } from "../../../system/process.ts";
import type { IsolatedApt } from "./configuration.ts";
import { findStanza, indexList, type PackageList } from "./package-lists.ts";
import { leavesChoice, reachablePackages, writeLists } from "./reachable-packages.ts";

/**
 * Lets apt's solver choose the packages for a request, as if nothing were installed. It is shown those alone that can have a
 * part in the solution, unless more is needed to decide: reading and weighing all that an archive has takes it a second.
 *
 * @param lists those of `apt`, read
 * @throws package-unknown, packages-unsatisfiable
 */
export async function solvePackages(
  apt: IsolatedApt,
  lists: readonly PackageList[],
  request: PackageRequest,
  signal: AbortSignal,
  local: LocalPackages = NO_LOCAL_PACKAGES,
): Promise<PackageRef[]> {
  const offered = indexList("local", Buffer.from(local.debs.map(({ stanza }) => stanza).join("\n")));
  const all = [...lists, offered];
  const reachable = reachablePackages(all, request);
  const few = await mkdtemp(join(apt.directory, "reachable-")); // another one for each attempt
  await writeLists(few, lists, reachable.names, apt.lists);
  const wanted = wantedPackages(request, local);
  const solve = async (directory: string) => {
    const chosen = await runSolver(apt, directory, wanted, signal);
    return chosen.map((one) => describeLocal(one, local.debs) ?? describePackage(one, findStanza(lists, one)));
  };
  const solution = await solve(few);
  return leavesChoice(solution, all, reachable) ? solve(apt.lists) : solution;
}

/** A request as apt-get's arguments. */
function wantedPackages(request: PackageRequest, { debs, index }: LocalPackages): string[] {
  const patterns = request.priorities.length > 0 ? [priorityPattern(request)] : [];
  const exact = new Map(debs.flatMap((deb) => (deb.isAsked ? [[deb.name, `${deb.name}=${deb.version}`]] : [])));
  const included = request.include.map((name) => exact.get(name) ?? name);
  const sources = index === undefined ? [] : ["--with-source", index];
  return [...sources, "install", "--", ...patterns, ...included, ...request.exclude.map((name) => `${name}-`)];
}

async function runSolver(
  { env }: IsolatedApt,
  lists: string,
  wanted: readonly string[],
  signal: AbortSignal,
): Promise<ChosenPackage[]> {
  const argv = ["apt-get", "--yes", "--quiet=1", "--print-uris", "-o", `Dir::State::lists=${lists}`, ...wanted];
  const { stdout } = await run(argv, { env, signal }).catch((error: unknown) => {
    throw solverError(error);
  });
  return parseUris(stdout);
}

/** Packages on this host that the solver may choose, and the index of them. */
export interface LocalPackages {
  readonly debs: readonly LocalDeb[];
  readonly index: string | undefined;
}

const NO_LOCAL_PACKAGES: LocalPackages = { debs: [], index: undefined };

/** Of the same version of a package, that on this host counts, since it was given by its path. */
function describeLocal(chosen: ChosenPackage, debs: readonly LocalDeb[]): PackageRef | undefined {
  const deb = debs.find(
    (one) => one.name === chosen.name && one.version === chosen.version && one.architecture === chosen.architecture,
  );
  if (!deb) return undefined;
  const place = { sha256: deb.sha256, sizeBytes: deb.sizeBytes, url: pathToFileURL(deb.path).href };
  return describePackage({ ...chosen, ...place }, parseDeb822(deb.stanza)[0]);
}

/** A pattern that matches nothing is an error to apt; so what an archive may lack stands beside what each has. */
function priorityPattern({ priorities, optional = [], exclude }: PackageRequest): string {
  const alternatives = [
    "?essential",
    ...priorities.map((priority) => `?priority(${priority})`),
    ...optional.map((name) => `?and(?exact-name(${name}),?not(?virtual))`),
  ];
  const wanted = `?or(${alternatives.join(",")})`;
  if (exclude.length === 0) return wanted;
  const unwanted = exclude.map((name) => `?not(?exact-name(${name}))`); // else apt would both keep and remove them
  return `?and(${[wanted, ...unwanted].join(",")})`;
}

interface ChosenPackage {
  id: string;
  name: string;
  version: string;
  architecture: string;
  url: string;
  sizeBytes: number;
  sha256: string | undefined;
}

/** Lines of `--print-uris`: `'URL' name_version_arch.deb size HASH:value`. */
function parseUris(stdout: string): ChosenPackage[] {
  return stdout.split("\n").flatMap((line) => {
    const match = /^'([^']+)' (\S+)_(\S+)_([a-z0-9-]+)\.deb (\d+)(?: SHA256:([0-9a-f]{64}))?/.exec(line);
    if (!match) return [];
    const [, url, name, version, architecture, size, sha256] = match.map((part) => part ?? "");
    const decoded = decodeURIComponent(version ?? "");
    return [
      {
        id: `${name}_${decoded}_${architecture}`,
        name: String(name),
        version: decoded,
        architecture: String(architecture),
        url: String(url),
        sizeBytes: Number(size),
        sha256: sha256 || undefined,
      },
    ];
  });
}

function describePackage(chosen: ChosenPackage, stanza: Stanza | undefined): PackageRef {
  const sha256 = stanza?.get("SHA256") ?? chosen.sha256;
  if (!stanza || !sha256)
    throw new VmbuilderError("index-corrupt", `the index has no SHA-256 for ${chosen.id}`, {
      hint: "try another --mirror",
    });
  const depends = [stanza.get("Pre-Depends"), stanza.get("Depends")].filter((field) => field !== undefined).join(", ");
  return {
    name: chosen.name,
    version: chosen.version,
    architecture: chosen.architecture,
    url: chosen.url,
    sha256,
    sizeBytes: chosen.sizeBytes,
    priority: stanza.get("Priority") ?? "optional",
    essential: stanza.get("Essential") === "yes",
    depends,
    preDepends: stanza.get("Pre-Depends") ?? "",
    isLibrary: /^(.*\/)?libs$/.test(stanza.get("Section") ?? ""),
    provides: stanza.get("Provides") ?? "",
    installedSizeBytes: Number(stanza.get("Installed-Size") ?? 0) * 1024,
  };
}

function solverError(error: unknown): unknown {
  if (!(error instanceof CommandError)) return error;
  const unknown = [...error.stderr.matchAll(/E: (?:Unable to locate package|Package '?) ?([a-z0-9][a-z0-9+.-]*)/g)].map(
    (match) => match[1],
  );
  if (unknown.length > 0) {
    return new VmbuilderError("package-unknown", `no package ${unknown.join(", ")} in this suite`, {
      hint: virtualHint(error.stdout) ?? "check the spelling, --suite and --components",
      cause: error,
    });
  }
  if (!/unmet dependencies|held broken|conflict/i.test(error.stderr)) return error;
  return new VmbuilderError("packages-unsatisfiable", "these packages cannot be installed together", {
    hint: "look at --addpkg and --removepkg",
    detail: unmetDependencies(error.stdout) || error.stderr.trim(),
    cause: error,
  });
}

/** A name that is none of a package, but which packages provide: apt lists them, and wants one of them. */
function virtualHint(stdout: string): string | undefined {
  const [, name, list = ""] =
    /^Package (\S+) is a virtual package provided by:\n((?: {2}\S+ .*\n)+)/m.exec(stdout) ?? [];
  if (name === undefined) return undefined;
  const providers = [...list.matchAll(/^ {2}(\S+)/gm)].map(([, provider]) => provider);
  return `${name} is a name that others provide: ask for ${providers.join(" or ")}`;
}

/** The lines in which apt says which package lacks what. */
function unmetDependencies(stdout: string): string {
  const [, reasons = ""] = stdout.split("The following packages have unmet dependencies:\n");
  return reasons
    .split("\n")
    .filter((line) => line.startsWith(" "))
    .map((line) => line.trim())
    .join("\n");
}
