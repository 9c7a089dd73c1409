import type { BuildContext } from "../core/context.ts";
import type { FileEdit } from "../model/file-edit.ts";
import { runHostProgramInGuest, runInGuest } from "../system/guest.ts";
import { type TarItem, writeTar } from "../system/tar-writer.ts";

/** Writes a machine's files from inside its tree, where no link leads out. */
export async function applyEdits(
  tree: string,
  edits: readonly FileEdit[],
  atSeconds: number,
  { signal }: Pick<BuildContext, "signal">,
): Promise<void> {
  const items = edits.flatMap((edit): TarItem[] => {
    if (edit.kind === "remove") return [];
    return edit.kind === "file" ? [{ ...edit, content: Buffer.from(edit.content, edit.encoding ?? "utf8") }] : [edit];
  });
  const removed = edits.filter(({ kind }) => kind === "remove").map(({ path }) => path);
  if (removed.length > 0) await runInGuest(tree, ["rm", "-rf", "--", ...removed], { signal });
  const extract = ["tar", "--extract", "--file=-", "--numeric-owner", "--same-owner", "--same-permissions"];
  await runHostProgramInGuest(tree, [...extract, "--keep-directory-symlink"], {
    signal,
    input: writeTar(items, atSeconds),
  });
}
