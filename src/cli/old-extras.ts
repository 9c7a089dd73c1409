import { VmbuilderError } from "../model/errors.ts";
import { parseSize } from "../model/size.ts";
import type { OldValues } from "./old-options.ts";

/** What a build does beside its machine. */
export interface Extras {
  /** Folder to work in, unless it is the cache. */
  readonly tmp: string | undefined;
  afterBuild(machine: string): Promise<void>;
}

const STANDARD_TMPFS = "1G";

/**
 * Checks what was asked for beside the machine; nothing is touched yet.
 *
 * @throws usage, memory-short, dest-impossible
 */
export async function readExtras(old: OldValues): Promise<Extras> {
  const { manifest } = old;
  if (manifest === undefined) return { tmp: await workFolder(old), afterBuild: async () => {} };
  const { checkManifestCopy, copyManifest } = await import("../stages/manifest-copy.ts");
  await checkManifestCopy(manifest);
  return { tmp: await workFolder(old), afterBuild: (machine) => copyManifest(machine, manifest) };
}

async function workFolder({ tmp, tmpfs }: OldValues): Promise<string | undefined> {
  if (tmp === undefined && tmpfs === undefined) return undefined;
  if (tmp !== undefined && tmpfs !== undefined)
    throw new VmbuilderError("usage", "--tmp and --tmpfs both say where to work", { hint: "give one of them" });
  const { checkWorkPlace, memoryPlace } = await import("../system/work-place.ts");
  if (tmpfs !== undefined) return memoryPlace(parseTmpfs(tmpfs));
  if (tmp !== undefined) await checkWorkPlace(tmp);
  return tmp;
}

function parseTmpfs(text: string): number {
  try {
    return parseSize(text === "-" ? STANDARD_TMPFS : text);
  } catch (cause) {
    throw new VmbuilderError("usage", `--tmpfs: "${text}" is no size`, { hint: "write for example 2G, or -", cause });
  }
}
