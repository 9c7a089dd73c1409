import { rm } from "node:fs/promises";
import { writeFileAtomically } from "../../system/files.ts";
import type { DataFolder } from "./data-folder.ts";

/**
 * Keeps the first admin's link in the data folder, where the machine's own programs find it, a console's greeting among them;
 * without a link, which is when somebody can log in, the file is removed.
 */
export async function keepInvitation(
  { invitation }: Pick<DataFolder, "invitation">,
  url: string | undefined,
): Promise<void> {
  if (url === undefined) await rm(invitation, { force: true });
  else await writeFileAtomically(invitation, `${url}\n`, 0o600);
}
