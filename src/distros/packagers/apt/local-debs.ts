import { constants } from "node:fs";
import { open, readdir, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { formatDeb822, type Stanza } from "../../../model/deb822.ts";
import { VmbuilderError } from "../../../model/errors.ts";
import type { Lock } from "../../../model/package.ts";
import { isDebPath, type LocalDeb } from "../../../model/plan.ts";
import type { Recipe } from "../../../model/recipe.ts";
import { makeDirectory, sha256File } from "../../../system/files.ts";
import { readControlArchives } from "./control-archive.ts";

/** Fields that the solver reads, and that later stages want to know. */
const FIELDS = [
  ["Package", "Version", "Architecture", "Multi-Arch", "Essential", "Protected", "Priority", "Section", "Source"],
  ["Installed-Size", "Provides", "Pre-Depends", "Depends", "Recommends", "Suggests", "Breaks", "Conflicts", "Replaces"],
].flat();

/**
 * Reads the packages that a recipe has on this host: those that it adds by their paths, and those in folders that it
 * offers. In a folder, packages of other architectures are passed over.
 *
 * @throws file-unreadable, package-malformed, recipe-invalid
 */
export async function readLocalDebs(
  { addpkg, debs }: Pick<Recipe, "addpkg" | "debs">,
  architecture: string,
): Promise<LocalDeb[]> {
  const asked = addpkg.filter(isDebPath).map((path) => resolve(path));
  const added = await Promise.all(asked.map((path) => readDeb(path, true)));
  const foreign = added.find((deb) => !fits(deb, architecture));
  if (foreign)
    throw new VmbuilderError(
      "recipe-invalid",
      `${foreign.path} is for ${foreign.architecture}, the machine is ${architecture}`,
      {
        hint: "give the package of the machine's architecture, or another --arch",
      },
    );
  const names = added.map(({ name }) => name);
  const twice = added.find(({ name }, i) => names.indexOf(name) !== i);
  if (twice) throw new VmbuilderError("recipe-invalid", `${twice.path}: the package ${twice.name} is added twice`);
  const offered = await Promise.all(debs.map((path) => readOffered(resolve(path), architecture)));
  return [...added, ...offered.flat().filter(({ path }) => !asked.includes(path))];
}

/** Writes an index of packages for apt's option `--with-source`, and returns its path. */
export async function writeLocalIndex(debs: readonly LocalDeb[], directory: string): Promise<string> {
  await makeDirectory(directory);
  const path = join(directory, "Packages");
  await writeFile(path, debs.map(({ stanza }) => stanza).join("\n"));
  return path;
}

/** A cached answer may know packages by places where they were before. */
export function withLocalAddresses(lock: Lock, debs: readonly LocalDeb[]): Lock {
  const paths = new Map(debs.map(({ sha256, path }) => [sha256, path]));
  const packages = lock.packages.map((ref) => {
    const path = paths.get(ref.sha256);
    return path === undefined ? ref : { ...ref, url: pathToFileURL(path).href };
  });
  return { ...lock, packages };
}

async function readOffered(path: string, architecture: string): Promise<LocalDeb[]> {
  const names = await readdir(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOTDIR") return undefined;
    throw new VmbuilderError("file-unreadable", `cannot read ${path}: ${error.message.split(",")[0]}`, {
      cause: error,
    });
  });
  const files = names?.filter((name) => name.endsWith(".deb")).sort() ?? [];
  if (names && files.length === 0)
    throw new VmbuilderError("recipe-invalid", `debs: ${path} holds no .deb file`, {
      hint: "folders in it are not searched",
    });
  const debs = await Promise.all(
    (names ? files.map((name) => join(path, name)) : [path]).map((one) => readDeb(one, false)),
  );
  return debs.filter((deb) => fits(deb, architecture));
}

async function readDeb(path: string, isAsked: boolean): Promise<LocalDeb> {
  const sizeBytes = await plainFileSize(path);
  const [opened, sha256] = await Promise.all([readControlArchives([path]), sha256File(path)]).catch(
    (cause: unknown) => {
      if (cause instanceof VmbuilderError && cause.code === "package-malformed" && cause.message.includes(path))
        throw cause;
      throw new VmbuilderError("package-malformed", `${path}: its control archive cannot be read`, { cause });
    },
  );
  const control = opened[0]?.control ?? new Map();
  const [name, version, architecture] = [
    field(control, "Package"),
    field(control, "Version"),
    field(control, "Architecture"),
  ];
  if (
    !/^[a-z0-9][a-z0-9+.-]+$/.test(name) ||
    !/^[0-9A-Za-z.+:~-]+$/.test(version) ||
    !/^[a-z0-9-]+$/.test(architecture)
  )
    throw new VmbuilderError("package-malformed", `${path}: its name, version or architecture is malformed`);
  const fields = FIELDS.flatMap((one): [string, string][] => (control.has(one) ? [[one, field(control, one)]] : []));
  const place = { Filename: `./${sha256}.deb`, Size: String(sizeBytes), SHA256: sha256 };
  const stanza = formatDeb822([new Map([...fields, ...Object.entries(place)])]);
  return { path, sha256, sizeBytes, name, version, architecture, stanza, isAsked };
}

/** A pipe or a device must not be opened: it may block or never end. */
async function plainFileSize(path: string): Promise<number> {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch((cause: NodeJS.ErrnoException) => {
    const why = cause.code === "ENOENT" ? "there is no such file" : cause.message.split(",")[0];
    throw new VmbuilderError("file-unreadable", `cannot read ${path}: ${why}`, {
      hint: "a package of the archive is added by its name alone",
      cause,
    });
  });
  try {
    const info = await file.stat();
    if (info.isFile()) return info.size;
    throw new VmbuilderError("file-unreadable", `cannot read ${path}: it is no plain file`, {
      hint: "offer a folder of packages with --debs",
    });
  } finally {
    await file.close();
  }
}

function field(control: Stanza, name: string): string {
  return control.get(name) ?? "";
}

function fits(deb: LocalDeb, architecture: string): boolean {
  return deb.architecture === "all" || deb.architecture === architecture;
}
