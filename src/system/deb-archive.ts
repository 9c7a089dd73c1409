import { type FileHandle, open } from "node:fs/promises";
import { VmbuilderError } from "../model/errors.ts";

/** A member of a .deb: where its bytes stand in the file. */
export interface DebMember {
  /** `control.tar.xz`, `data.tar.zst`, … */
  name: string;
  offset: number;
  sizeBytes: number;
}

/** The two members of a .deb that matter. */
export interface DebLayout {
  control: DebMember;
  data: DebMember;
}

const MAGIC = "!<arch>\n";
const HEADER_BYTES = 60;

/**
 * Finds the control and data members of a .deb.
 *
 * @throws package-malformed
 * @see https://manpages.debian.org/deb.5
 */
export async function readDebLayout(path: string): Promise<DebLayout> {
  const file = await open(path, "r");
  try {
    return await readMembers(file, path);
  } finally {
    await file.close();
  }
}

async function readMembers(file: FileHandle, path: string): Promise<DebLayout> {
  const { size } = await file.stat();
  const header = Buffer.alloc(HEADER_BYTES);
  await file.read(header, 0, MAGIC.length, 0);
  if (header.toString("latin1", 0, MAGIC.length) !== MAGIC) throw malformed(path, "no ar archive");
  const members: DebMember[] = [];
  for (let offset = MAGIC.length; offset + HEADER_BYTES <= size && members.length < 8; ) {
    await file.read(header, 0, HEADER_BYTES, offset);
    const name = header.toString("latin1", 0, 16).replace(/\/?\s*$/, "");
    const sizeBytes = Number(header.toString("latin1", 48, 58).trim());
    if (header.toString("latin1", 58, 60) !== "`\n" || !Number.isSafeInteger(sizeBytes) || sizeBytes < 0)
      throw malformed(path, "broken member header");
    offset += HEADER_BYTES;
    if (offset + sizeBytes > size) throw malformed(path, `${name} ends after the file`);
    members.push({ name, offset, sizeBytes });
    offset += sizeBytes + (sizeBytes % 2);
  }
  const control = members.find((member) => member.name.startsWith("control.tar"));
  const data = members.find((member) => member.name.startsWith("data.tar"));
  if (members[0]?.name !== "debian-binary" || !control || !data) throw malformed(path, "not a Debian package");
  return { control, data };
}

function malformed(path: string, why: string): VmbuilderError {
  return new VmbuilderError("package-malformed", `${path}: ${why}`);
}
