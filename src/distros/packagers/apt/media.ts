import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { commitObject, findObject, verifyObject } from "../../../core/cache.ts";
import type { BuildContext } from "../../../core/context.ts";
import { stepKey } from "../../../core/step-key.ts";
import { VmbuilderError } from "../../../model/errors.ts";
import type { Lock } from "../../../model/package.ts";
import type { InstallationMedia } from "../../../model/plan.ts";
import type { Recipe } from "../../../model/recipe.ts";
import { sha256Text } from "../../../system/files.ts";
import { isoAddress, openIso } from "../../../system/iso9660.ts";
import type { ArchiveMedia } from "./archive.ts";

const MEDIA_VERSION = 1;
const LARGEST_INDEX_BYTES = 256 * 1024 * 1024;

/**
 * Checks the image that a recipe names as its only archive.
 *
 * @throws media-invalid, file-unreadable, recipe-invalid
 */
export async function readMedia(recipe: Recipe): Promise<InstallationMedia | undefined> {
  if (recipe.iso === undefined) return undefined;
  const other = (["install-mirror", "install-security-mirror"] as const).find((key) => recipe[key] !== undefined);
  if (other)
    throw new VmbuilderError("recipe-invalid", `${other} is given, but everything comes from iso`, {
      hint: `leave out one of them; the machine keeps ${other.replace("install-", "")}`,
    });
  const path = resolve(recipe.iso);
  const iso = await openIso(path);
  try {
    if ((await iso.list("dists")).length > 0) return { path, trusted: recipe["iso-unsigned"] };
  } finally {
    await iso.close();
  }
  throw new VmbuilderError("media-invalid", `${path}: there are no packages in it`, {
    hint: "it must hold folders dists and pool, as installation media do; live images don't",
  });
}

/** Opens an image as the archive of a build: its indices are copied to the cache, its packages are read from it. */
export function archiveOnMedia(
  { path, trusted }: InstallationMedia,
  architecture: string,
  context: BuildContext,
): ArchiveMedia {
  return {
    path,
    trusted,
    copyIndices: (suite, components) => copyIndices(path, suite, components, architecture, context),
  };
}

/** Packages of an image are named by their places in it; a cached answer may come from another place of the image. */
export function withMediaAddresses(lock: Lock, media: { readonly uri: string; readonly path: string }): Lock {
  const prefix = `${fileURLToPath(media.uri)}/`;
  const packages = lock.packages.map((ref) => {
    const path = ref.url.startsWith("file:") ? fileURLToPath(ref.url) : "";
    return path.startsWith(prefix) ? { ...ref, url: isoAddress(media.path, path.slice(prefix.length)) } : ref;
  });
  return { ...lock, packages };
}

/** Copies a suite's indices into an object of the cache, named by their content. @returns its address */
async function copyIndices(
  path: string,
  suite: string,
  components: readonly string[],
  architecture: string,
  context: BuildContext,
): Promise<string> {
  const files = await readIndices(path, suite, components, architecture);
  const hashes = [...files].map(([name, bytes]) => [name, sha256Text(bytes)]);
  const key = stepKey("media", MEDIA_VERSION, hashes);
  const known = await findObject(context.cache, "index", key);
  const isWhole = known !== undefined && (await verifyObject(context.cache, known, context.signal));
  const object = isWhole
    ? known
    : await commitObject(context.cache, "index", key, path, async (directory) => {
        for (const [name, bytes] of files) {
          await mkdir(dirname(join(directory, name)), { recursive: true });
          await writeFile(join(directory, name), bytes);
        }
        return null;
      });
  return pathToFileURL(object.directory).href;
}

async function readIndices(path: string, suite: string, components: readonly string[], architecture: string) {
  const iso = await openIso(path);
  try {
    const root = `dists/${suite}`;
    if (!(await iso.find(root))?.isDirectory) {
      const suites = (await iso.list("dists")).filter(({ isDirectory }) => isDirectory).map(({ name }) => name);
      throw new VmbuilderError("suite-unknown", `${path} has no suite ${suite}`, {
        hint: `it has ${suites.join(", ") || "none"}: choose with --suite`,
      });
    }
    const wanted = [
      ...["InRelease", "Release", "Release.gpg"],
      ...components.flatMap((component) =>
        ["Release", "Packages", "Packages.gz", "Packages.xz"].map(
          (name) => `${component}/binary-${architecture}/${name}`,
        ),
      ),
    ].map((name) => `${root}/${name}`);
    const files = new Map<string, Buffer>();
    for (const name of wanted) {
      const entry = await iso.find(name);
      if (entry && !entry.isDirectory) files.set(name, await iso.read(entry, LARGEST_INDEX_BYTES));
    }
    return files;
  } finally {
    await iso.close();
  }
}
