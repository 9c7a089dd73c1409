import { VmbuilderError } from "./errors.ts";

/** A file and its hash, as sha256sum(1) writes them. */
export interface Checksum {
  readonly name: string;
  readonly sha256: string;
}

/**
 * Text that `sha256sum --check` reads, in the order of names.
 *
 * @throws usage when a name would be read as more than one line
 */
export function formatChecksums(checksums: readonly Checksum[]): string {
  const unfit = checksums.find(({ name }) => /[\n\r\\\0]/.test(name));
  if (unfit)
    throw new VmbuilderError("usage", `${JSON.stringify(unfit.name)} has a line end or a backslash in its name`, {
      hint: "rename the file",
    });
  return [...checksums]
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ name, sha256 }) => `${sha256}  ${name}\n`)
    .join("");
}

/**
 * Reads a list of checksums that may come from anybody: only names of files in its own folder are taken.
 *
 * @param path how an error names it
 * @throws signature-bad
 */
export function parseChecksums(text: string, path: string): Checksum[] {
  const lines = text.split("\n");
  if (lines.pop() !== "" || lines.length === 0) throw malformed(path, lines.length + 1);
  const checksums = lines.map((line, index) => {
    const [, sha256, name] = /^([0-9a-f]{64}) [ *]([^/\\\0]+)$/.exec(line) ?? [];
    if (sha256 === undefined || name === undefined || name === "." || name === "..") throw malformed(path, index + 1);
    return { name, sha256 };
  });
  if (new Set(checksums.map(({ name }) => name)).size < checksums.length) throw malformed(path, lines.length);
  return checksums;
}

function malformed(path: string, line: number): VmbuilderError {
  return new VmbuilderError("signature-bad", `${path}:${line}: this is no list of checksums`, {
    hint: "fetch the folder again, or sign it anew",
  });
}
