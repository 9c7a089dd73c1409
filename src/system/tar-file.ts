import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import { endOfTar, tarFileHeader, tarPadding } from "./tar-writer.ts";

/** A plain file of an archive: its content, or where that is. */
export type TarMember =
  | { readonly name: string; readonly content: Buffer }
  | { readonly name: string; readonly path: string; readonly fileBytes: number };

/** Writes a new archive of plain files; what is on the disk streams through. */
export async function writeTarFile(path: string, members: readonly TarMember[], signal: AbortSignal): Promise<void> {
  await using file = await open(path, "wx");
  for (const member of members) {
    const sizeBytes = "content" in member ? member.content.length : member.fileBytes;
    await file.writeFile(tarFileHeader(member.name, sizeBytes));
    await file.writeFile(
      "content" in member ? member.content : createReadStream(member.path, { highWaterMark: 1024 * 1024, signal }),
    );
    await file.writeFile(tarPadding(sizeBytes));
  }
  await file.writeFile(endOfTar());
}
