import { runInGuest } from "../../../system/guest.ts";
import { readGuestFiles } from "../../../system/guest-files.ts";
import type { TarItem } from "../../../system/tar-writer.ts";
import { infoFiles, triggerFiles, type UnpackedPackage, unpackedStatus } from "./dpkg-database.ts";

const ADMIN_DIR = "/var/lib/dpkg";

/** What a tree's dpkg knows, as far as an installation needs it. */
export interface DpkgState {
  readonly status: string;
  readonly diversions: string;
  /** Content of the files in `triggers/`, by name. */
  readonly triggers: ReadonlyMap<string, string>;
}

/** Reads the state from inside the tree. */
export async function readDpkgState(tree: string, signal: AbortSignal): Promise<DpkgState> {
  const files = await readGuestFiles(
    tree,
    [`${ADMIN_DIR}/status`, `${ADMIN_DIR}/diversions`, `${ADMIN_DIR}/triggers`],
    signal,
  );
  const prefix = `${ADMIN_DIR}/triggers/`;
  const triggers = [...files].flatMap(([path, content]) =>
    path.startsWith(prefix) ? [[path.slice(prefix.length), content] as const] : [],
  );
  return {
    status: files.get(`${ADMIN_DIR}/status`) ?? "",
    diversions: files.get(`${ADMIN_DIR}/diversions`) ?? "",
    triggers: new Map(triggers),
  };
}

/** The files that make dpkg know packages as unpacked, beside those it knows already. */
export function recordUnpacked(state: DpkgState, unpacked: readonly UnpackedPackage[]): TarItem[] {
  const before = state.status.trim() === "" ? "" : `${state.status.trimEnd()}\n\n`;
  return [
    ...unpacked.flatMap(infoFiles),
    ...triggerFiles(unpacked, state.triggers),
    {
      kind: "file",
      path: `${ADMIN_DIR}/status`,
      content: before + unpacked.map(unpackedStatus).join("\n"),
      mode: 0o644,
    },
  ];
}

/** Owner by path of all that the tree's packages have installed. */
export async function readOwners(tree: string, signal: AbortSignal): Promise<Map<string, string>> {
  const { stdout } = await runInGuest(tree, ["grep", "-r", "--include=*.list", "", `${ADMIN_DIR}/info`], { signal });
  const owners = new Map<string, string>();
  for (const line of stdout.split("\n")) {
    const match = /^\/var\/lib\/dpkg\/info\/([^:]+)(?::[a-z0-9-]+)?\.list:(.+)$/.exec(line);
    if (match) owners.set(String(match[2]), String(match[1]));
  }
  return owners;
}

/** Owner by path of packages that were just unpacked. */
export function ownersOf(unpacked: readonly UnpackedPackage[]): Map<string, string> {
  return new Map(
    unpacked.flatMap(({ deb, paths }) => paths.map((path) => [path, deb.control.get("Package") ?? ""] as const)),
  );
}

const ACTIVATE =
  'while read -r trigger package; do dpkg-trigger --no-await --by-package="$package" "$trigger" </dev/null || exit 1; done';

/** Wakes the packages that listen for paths below which new files have come, as dpkg does when it unpacks. */
export async function activateFileTriggers(
  tree: string,
  state: DpkgState,
  unpacked: readonly UnpackedPackage[],
  signal: AbortSignal,
): Promise<void> {
  const interests = (state.triggers.get("File") ?? "")
    .split("\n")
    .flatMap((line) => /^(\S+) \S+$/.exec(line)?.[1] ?? []);
  const lines = [...new Set(interests)].flatMap((trigger) => {
    const by = unpacked.find(({ paths }) => paths.some((path) => path === trigger || path.startsWith(`${trigger}/`)));
    return by ? [`${trigger} ${by.deb.control.get("Package")}\n`] : [];
  });
  if (lines.length > 0) await runInGuest(tree, ["sh", "-c", ACTIVATE], { signal, input: lines.join("") });
}
