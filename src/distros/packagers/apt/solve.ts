import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { parseDeb822, type Stanza } from "../../../model/deb822.ts";
import { VmbuilderError } from "../../../model/errors.ts";
import type { PackageRef } from "../../../model/package.ts";
import type { PackageRequest } from "../../../model/plan.ts";
import { CommandError, run } from "../../../system/process.ts";
import type { IsolatedApt } from "./configuration.ts";

/**
 * Lets apt's solver choose the packages for a request, as if nothing were installed.
 *
 * @throws package-unknown, packages-unsatisfiable
 */
export async function solvePackages(
  apt: IsolatedApt,
  request: PackageRequest,
  signal: AbortSignal,
): Promise<PackageRef[]> {
  const priorities = request.priorities.map((priority) => `?priority(${priority})`).join(",");
  const patterns = request.priorities.length > 0 ? [`?or(?essential,${priorities})`] : [];
  const wanted = [...patterns, ...request.include, ...request.exclude.map((name) => `${name}-`)];
  const argv = ["apt-get", "--yes", "--quiet=2", "--print-uris", "install", "--", ...wanted];
  const { stdout } = await run(argv, { env: apt.env, signal }).catch((error: unknown) => {
    throw solverError(error);
  });
  const chosen = parseUris(stdout);
  const stanzas = await findStanzas(
    join(apt.directory, "lists"),
    new Set(chosen.map((one) => one.id)),
    new Set(chosen.map((one) => one.name)),
  );
  return chosen.map((one) => describePackage(one, stanzas.get(one.id)));
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

/** Picks the wanted paragraphs out of apt's lists; they are large, so only the wanted ones are parsed. */
async function findStanzas(
  lists: string,
  ids: ReadonlySet<string>,
  names: ReadonlySet<string>,
): Promise<Map<string, Stanza>> {
  const found = new Map<string, Stanza>();
  for (const file of (await readdir(lists)).filter((name) => name.endsWith("_Packages"))) {
    const bytes = await readFile(join(lists, file));
    for (let start = 0; start < bytes.length; ) {
      const blank = bytes.indexOf("\n\n", start);
      const end = blank === -1 ? bytes.length : blank;
      const lineEnd = bytes.indexOf("\n", start);
      const first = bytes.toString("latin1", start, lineEnd);
      if (names.has(first.slice("Package: ".length))) {
        const [stanza] = parseDeb822(bytes.toString("utf8", start, end));
        const id = `${stanza?.get("Package")}_${stanza?.get("Version")}_${stanza?.get("Architecture")}`;
        if (stanza && ids.has(id)) found.set(id, stanza);
      }
      start = end + 2;
    }
  }
  return found;
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
      hint: "check the spelling, --suite and --components",
      cause: error,
    });
  }
  if (!/unmet dependencies|held broken|conflict/i.test(error.stderr)) return error;
  return new VmbuilderError("packages-unsatisfiable", "these packages cannot be installed together", {
    hint: "look at --addpkg and --removepkg",
    detail: error.stderr.trim(),
    cause: error,
  });
}
