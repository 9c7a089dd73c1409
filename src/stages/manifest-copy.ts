import { constants } from "node:fs";
import { access, readFile, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { VmbuilderError } from "../model/errors.ts";
import { writeFileAtomically } from "../system/files.ts";

/** Checks before a build that {@link copyManifest} will be able to write. @throws dest-impossible */
export async function checkManifestCopy(path: string): Promise<void> {
  const [target, folder] = [await stat(path).catch(() => undefined), dirname(resolve(path))];
  const why = target?.isDirectory()
    ? "it is a folder"
    : await access(folder, constants.W_OK | constants.X_OK).then(
        () => undefined,
        () => `${folder} cannot be written to`,
      );
  if (why)
    throw new VmbuilderError("dest-impossible", `--manifest: cannot write ${path}: ${why}`, {
      hint: "give another file",
    });
}

/** Writes a machine's list of packages to one more file. */
export async function copyManifest(machine: string, path: string): Promise<void> {
  await writeFileAtomically(resolve(path), await readFile(join(machine, "manifest")));
}
