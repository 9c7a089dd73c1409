import type { AptSource } from "../../../model/package.ts";
import type { TarItem } from "../../../system/tar-writer.ts";
import { formatSources } from "./configuration.ts";

/**
 * The guest's sources: the archive's in one file, verified by the keyring of its package, and each further repository in
 * a file of its own with its keys beside.
 */
export function guestSourceFiles(
  sources: readonly AptSource[],
  archive: { readonly file: string; readonly keyring: string },
): TarItem[] {
  const list = (name: string, content: string): TarItem => ({
    kind: "file",
    path: `/etc/apt/sources.list.d/${name}.sources`,
    content,
    mode: 0o644,
  });
  const own = sources.filter(({ name }) => name === undefined);
  const further = sources.flatMap((source): TarItem[] => {
    if (source.name === undefined) return [];
    const keyring = `/etc/apt/keyrings/${source.name}.gpg`;
    const files = [list(source.name, formatSources([source], keyring))];
    if (source.trusted || source.keys === undefined) return files;
    return [
      { kind: "directory", path: "/etc/apt/keyrings", mode: 0o755 },
      { kind: "file", path: keyring, content: Buffer.from(source.keys, "base64"), mode: 0o644 },
      ...files,
    ];
  });
  return [list(archive.file, formatSources(own, archive.keyring)), ...further];
}
