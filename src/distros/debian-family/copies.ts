import { VmbuilderError } from "../../model/errors.ts";
import type { FileEdit } from "../../model/file-edit.ts";
import type { CopiedFile } from "../../model/identity.ts";

/** Files of the user's choice; owners may be names of the machine's own accounts. */
export function copyEdits(
  files: readonly CopiedFile[],
  ids: { uid(name: string): number | undefined; gid(name: string): number | undefined },
): FileEdit[] {
  return files.map(({ path, mode, owner, group, base64 }): FileEdit => {
    const uid = idOf(path, owner, (name) => ids.uid(name));
    return {
      kind: "file",
      path,
      content: base64,
      encoding: "base64",
      mode,
      uid,
      gid: group === undefined ? uid : idOf(path, group, (name) => ids.gid(name)),
      withParents: true,
    };
  });
}

function idOf(path: string, name: string, find: (name: string) => number | undefined): number {
  const id = /^\d{1,9}$/.test(name) ? Number(name) : find(name);
  if (id !== undefined) return id;
  throw new VmbuilderError("recipe-invalid", `copy: the machine has no account "${name}" for ${path}`, {
    hint: "give a number, or a user or group of the machine",
  });
}
