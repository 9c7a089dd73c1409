import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { findObject } from "../core/cache.ts";
import { type BuildContext, runStep } from "../core/context.ts";
import { derivedUuid } from "../core/derived-uuid.ts";
import { formatCycloneDx } from "../model/cyclonedx.ts";
import { parseDeb822, type Stanza } from "../model/deb822.ts";
import { declaredLicences } from "../model/debian-copyright.ts";
import { VmbuilderError } from "../model/errors.ts";
import type { Lock } from "../model/package.ts";
import type { Plan } from "../model/plan.ts";
import {
  dependenciesWithin,
  packageUrl,
  parseMaintainer,
  SBOM_FILES,
  type Sbom,
  type SbomFormat,
  type SbomPackage,
} from "../model/sbom.ts";
import { formatSpdx } from "../model/spdx.ts";
import { VERSION } from "../model/version.ts";
import { withoutLogins } from "../model/without-logins.ts";
import { readTreeFiles } from "../system/tree-archive.ts";
import { treeKey } from "./install.ts";
import { closeTree, openTree } from "./kept-tree.ts";
import { findDistro } from "./plan.ts";

const FORMATTERS: Readonly<Record<SbomFormat, (sbom: Sbom) => string>> = {
  spdx: formatSpdx,
  cyclonedx: formatCycloneDx,
};

const STATUS = "/var/lib/dpkg/status";
const COPYRIGHT = /^\/usr\/share\/doc\/([^/]+)\/copyright$/;

/**
 * Writes what is installed in the forms that other programs read. Makers and licences are those that the system itself
 * tells of, as the cache has it.
 *
 * @returns names of the files
 * @throws base-missing when it isn't there any more
 */
export async function writeSboms(plan: Plan, lock: Lock, directory: string, context: BuildContext): Promise<string[]> {
  return runStep(context, "deploy/sbom", "List what is installed", async () => {
    const sbom = await describeSystem(plan, lock, context);
    const formats = [...new Set(plan.recipe.sbom)];
    for (const format of formats)
      await writeFile(join(directory, SBOM_FILES[format]), withoutLogins(FORMATTERS[format](sbom)));
    return formats.map((format) => SBOM_FILES[format]);
  });
}

async function describeSystem(
  { recipe, suite, architecture, ...plan }: Plan,
  lock: Lock,
  context: BuildContext,
): Promise<Sbom> {
  const key = treeKey(findDistro(recipe.distro), { recipe, suite, architecture, ...plan }, lock);
  const read = await readTree(key, context);
  const status = new Map(
    parseDeb822(read(STATUS) ?? "").map((stanza) => [`${stanza.get("Package")} ${stanza.get("Architecture")}`, stanza]),
  );
  const packages = [...lock.packages].sort((a, b) => (idOf(a) < idOf(b) ? -1 : 1));
  const urls = new Map(packages.map((ref) => [ref, packageUrl(ref, recipe.distro, suite)]));
  const dependencies = dependenciesWithin(packages);
  return {
    hostname: recipe.hostname,
    distro: recipe.distro,
    suite,
    architecture,
    createdMs: Math.max(0, ...(lock.releases ?? []).map(({ dateMs }) => dateMs)),
    uuid: derivedUuid(key, `sbom of ${recipe.hostname}`),
    toolVersion: VERSION,
    packages: packages.map((ref): SbomPackage => {
      const stanza: Stanza = status.get(`${ref.name} ${ref.architecture}`) ?? new Map();
      const copyright = read(`/usr/share/doc/${ref.name}/copyright`);
      return {
        ref,
        purl: String(urls.get(ref)),
        source: sourceOf(stanza, ref),
        dependsOn: (dependencies.get(ref) ?? []).map((other) => String(urls.get(other))).sort(),
        ...defined("supplier", parseMaintainer(stanza.get("Maintainer") ?? "")),
        ...defined("homepage", /^https?:\/\/\S+$/.exec(stanza.get("Homepage") ?? "")?.[0]),
        ...defined("summary", stanza.get("Description")?.split("\n")[0]),
        ...defined("licences", copyright === undefined ? undefined : declaredLicences(copyright)),
      };
    }),
  };
}

function idOf({ name, architecture }: { name: string; architecture: string }): string {
  return `${name} ${architecture}`;
}

function defined<K extends string, V>(key: K, value: V | undefined): { [P in K]?: V } {
  return (value === undefined ? {} : { [key]: value }) as { [P in K]?: V };
}

/** `Source: glibc (2.36-9)`; without the field, it is the package's own name and version. */
function sourceOf(stanza: Stanza, { name, version }: { name: string; version: string }): string {
  const [, source = name, sourceVersion = version] = /^(\S+)(?: \((\S+)\))?$/.exec(stanza.get("Source") ?? "") ?? [];
  return `${source} ${sourceVersion}`;
}

async function readTree(key: string, context: BuildContext) {
  const object = await findObject(context.cache, "tree", key);
  const directory = join(context.workDirectory, "listed-tree");
  const open = object && (await openTree(object, directory, context));
  if (!open)
    throw new VmbuilderError("base-missing", "the system has gone from the cache meanwhile", {
      hint: "run the same command again",
    });
  const isWanted = (path: string) => path === STATUS || COPYRIGHT.test(path) || /^\/usr\/share\/doc\/[^/]+$/.test(path);
  try {
    return await readTreeFiles(directory, [STATUS, "/usr/share/doc"], isWanted, context.signal);
  } finally {
    await closeTree(directory);
  }
}
