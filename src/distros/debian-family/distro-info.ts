import { readFile } from "node:fs/promises";
import { VmbuilderError } from "../../model/errors.ts";

/** A release as distro-info-data describes it: its values by the names of the columns. */
export type ReleaseRow = Readonly<Record<string, string | undefined>>;

/**
 * Reads the releases that distro-info-data knows, oldest first.
 *
 * @throws host-unfit when the package is missing
 * @see https://manpages.debian.org/distro-info
 */
export async function readReleaseRows(path: string): Promise<ReleaseRow[]> {
  const text = await readFile(path, "utf8").catch((cause: unknown) => {
    throw new VmbuilderError("host-unfit", `${path} is missing`, {
      hint: "install the package distro-info-data",
      cause,
    });
  });
  const [columns = [], ...rows] = text
    .trim()
    .split("\n")
    .map((line) => line.split(","));
  return rows.map((row) => Object.fromEntries(columns.map((column, i) => [column, row[i] || undefined])));
}
