import type { Stanza } from "../../../model/deb822.ts";
import { formatDeb822 } from "../../../model/deb822.ts";
import type { TarItem } from "../../../system/tar-writer.ts";
import { conffilesOf, type OpenedDeb } from "./control-archive.ts";
import type { UnpackedFiles } from "./unpack-lane.ts";

/** A package whose files are in the tree. */
export interface UnpackedPackage extends UnpackedFiles {
  /** MD5 of conffiles, by path; those of other packages may be among them. */
  readonly conffileMd5: ReadonlyMap<string, string>;
}

const ADMIN_DIR = "/var/lib/dpkg";

/** Name under which dpkg keeps a package's files: with the architecture where several may be installed side by side. */
export function infoName(control: Stanza): string {
  const name = control.get("Package") ?? "";
  return control.get("Multi-Arch") === "same" ? `${name}:${control.get("Architecture")}` : name;
}

/** The empty database of a fresh tree, as dpkg makes it. */
export function emptyDatabase(): TarItem[] {
  const directories = [
    "/var",
    "/var/lib",
    ADMIN_DIR,
    ...["alternatives", "info", "parts", "triggers", "updates"].map((name) => `${ADMIN_DIR}/${name}`),
  ];
  return [
    ...directories.map((path): TarItem => ({ kind: "directory", path, mode: 0o755 })),
    ...["available", "diversions", "statoverride", "status", "triggers/Unincorp"].map(
      (name): TarItem => ({ kind: "file", path: `${ADMIN_DIR}/${name}`, content: "", mode: 0o644 }),
    ),
    { kind: "file", path: `${ADMIN_DIR}/triggers/Lock`, content: "", mode: 0o600 },
    { kind: "file", path: `${ADMIN_DIR}/info/format`, content: "1\n", mode: 0o644 },
  ];
}

/** A package's file list and control files, as they stand in dpkg's info folder; the latter keep their times. */
export function infoFiles(unpacked: UnpackedPackage): TarItem[] {
  const base = `${ADMIN_DIR}/info/${infoName(unpacked.deb.control)}`;
  const list: TarItem = { kind: "file", path: `${base}.list`, content: `${unpacked.paths.join("\n")}\n`, mode: 0o644 };
  const control = [...unpacked.deb.files].map(
    ([name, file]): TarItem => ({ kind: "file", path: `${base}.${name}`, ...file }),
  );
  return [list, ...control];
}

/** The status record of a package that is unpacked and whose conffiles are in their final places. */
export function unpackedStatus(unpacked: UnpackedPackage): string {
  const stanza = new Map([["Package", ""], ["Status", "install ok unpacked"], ...unpacked.deb.control]);
  const conffiles = conffilesOf(unpacked.deb).map(
    (path) => `\n ${path} ${unpacked.conffileMd5.get(path) ?? "newconffile"}`,
  );
  if (conffiles.length > 0) stanza.set("Conffiles", conffiles.join(""));
  return formatDeb822([stanza]);
}

/** Which packages want to hear of which triggers, beside those that do already: `File` for paths, a file each for names. */
export function triggerFiles(unpacked: readonly UnpackedPackage[], before: ReadonlyMap<string, string>): TarItem[] {
  const interests = unpacked.flatMap(({ deb }) =>
    triggerInterests(deb).map((interest) => ({ ...interest, owner: infoName(deb.control) })),
  );
  const files = new Map<string, string>();
  for (const { trigger, owner, noAwait } of interests) {
    const who = `${owner}${noAwait ? "/noawait" : ""}\n`;
    const [file, line] = trigger.startsWith("/") ? ["File", `${trigger} ${who}`] : [trigger, who];
    files.set(file, (files.get(file) ?? before.get(file) ?? "") + line);
  }
  return [...files].map(
    ([name, content]): TarItem => ({ kind: "file", path: `${ADMIN_DIR}/triggers/${name}`, content, mode: 0o644 }),
  );
}

/**
 * The triggers that a package listens to.
 *
 * @see https://manpages.debian.org/deb-triggers.5
 */
export function triggerInterests(deb: OpenedDeb): { trigger: string; noAwait: boolean }[] {
  const lines = deb.files.get("triggers")?.content.toString("utf8").split("\n") ?? [];
  return lines.flatMap((line) => {
    const match = /^\s*interest(-await|-noawait)?\s+(\S+)\s*$/.exec(line);
    return match ? [{ trigger: String(match[2]), noAwait: match[1] === "-noawait" }] : [];
  });
}
