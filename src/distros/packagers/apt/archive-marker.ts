import { gzipSync, zstdCompressSync } from "node:zlib";
import { writeTar } from "../../../system/tar-writer.ts";

/** A tar that holds nothing but the root folder, compressed by `xz --check=crc32`: Node has no xz of its own. */
const ROOT_FOLDER_XZ =
  "/Td6WFoAAAFpIt42AgAhARwAAAAQz1jM4AX/ADNdABcLvBx9AZXAHUo+eRW/ePpNnfzGGV3a9CWSBhTr0jv1PhmakDY0ptl4V2et" +
  "hbxaJXa8ggAALHJBmwABS4AMAAAAWCH6XT4wDYsCAAAAAAFZWg==";

/**
 * An archive that is fed before each package's, so that the stream of names shows where a package begins: it writes the
 * root folder, which every tree has.
 */
export function archiveMarker(codec: string): Buffer {
  if (codec === ".xz") return Buffer.from(ROOT_FOLDER_XZ, "base64");
  const root = writeTar([{ kind: "directory", path: "", mode: 0o755 }], 0);
  return codec === ".gz" ? gzipSync(root) : codec === ".zst" ? zstdCompressSync(root) : root;
}

/** Name that tar prints for the root folder. */
export const ROOT_NAME = "./";

/**
 * Splits the names that tar printed into one list per package. A package's own root entry, if it has one, comes first
 * in its list.
 */
export function splitByMarker(names: readonly string[]): string[][] {
  const lists: string[][] = [];
  for (const [i, name] of names.entries()) {
    const follows = names[i - 1] === ROOT_NAME && lists.at(-1)?.length === 0;
    if (name === ROOT_NAME && !follows) lists.push([]);
    else lists.at(-1)?.push(name);
  }
  return lists;
}
