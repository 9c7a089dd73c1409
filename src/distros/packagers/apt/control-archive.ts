import { open } from "node:fs/promises";
import { parseDeb822, type Stanza } from "../../../model/deb822.ts";
import { VmbuilderError } from "../../../model/errors.ts";
import { type DebLayout, readDebLayout } from "../../../system/deb-archive.ts";
import { codecOf, startDecompressor } from "../../../system/decompress.ts";
import { TarScanner } from "../../../system/tar-scanner.ts";

/** A .deb whose control archive has been read. */
export interface OpenedDeb {
  path: string;
  layout: DebLayout;
  control: Stanza;
  /** The other files of the control archive, by name: maintainer scripts, md5sums, conffiles, triggers, … */
  files: Map<string, ControlFile>;
}

/** A file of a control archive. */
export interface ControlFile {
  content: Buffer;
  mode: number;
  mtimeSeconds: number;
}

const LARGEST_CONTROL_BYTES = 64 * 1024 * 1024;

/**
 * Reads the control archives of several .debs at once. One decompressor serves all that share a compression, since
 * starting one per package would cost more than the reading.
 *
 * @throws package-malformed
 */
export async function readControlArchives(paths: readonly string[], signal?: AbortSignal): Promise<OpenedDeb[]> {
  const layouts = await Promise.all(paths.map(readDebLayout));
  const opened: OpenedDeb[] = [];
  const codecs = new Set(layouts.map((layout) => codecOf(layout.control.name)));
  for (const codec of codecs) {
    const members = layouts.flatMap((layout, i) =>
      codecOf(layout.control.name) === codec ? [{ path: String(paths[i]), layout }] : [],
    );
    const archives = await decodeTars(codec, members, signal);
    for (const [i, files] of archives.entries()) {
      const member = members[i];
      if (member) opened.push({ ...member, files, control: takeControl(files, member.path) });
    }
  }
  return opened;
}

/** The configuration files that dpkg guards, without those that an upgrade is to remove. */
export function conffilesOf(deb: OpenedDeb): string[] {
  const lines = deb.files.get("conffiles")?.content.toString("utf8").split("\n") ?? [];
  return lines.map((line) => line.trim()).filter((line) => line.startsWith("/"));
}

async function decodeTars(
  codec: string,
  members: readonly { path: string; layout: DebLayout }[],
  signal?: AbortSignal,
): Promise<Map<string, ControlFile>[]> {
  const decompressor = startDecompressor(codec, signal);
  const archives: Map<string, ControlFile>[] = [];
  let files = new Map<string, ControlFile>();
  let pieces: Buffer[] | undefined;
  let total = 0;
  const scanner = new TarScanner({
    onEntry(entry) {
      pieces = undefined;
      if (entry.type !== "file") return;
      const kept: Buffer[] = [];
      pieces = kept;
      const name = entry.name.replace(/^\.\//, "");
      files.set(name, {
        get content() {
          return Buffer.concat(kept);
        },
        mode: entry.mode & 0o777,
        mtimeSeconds: Math.floor(entry.mtimeSeconds),
      });
    },
    onContent(piece) {
      total += piece.length;
      if (total > LARGEST_CONTROL_BYTES)
        throw new VmbuilderError(
          "package-malformed",
          `${members[archives.length]?.path}: control archive is too large`,
        );
      pieces?.push(Buffer.from(piece));
    },
    onEnd() {
      archives.push(files);
      files = new Map();
    },
  });
  const feed = async () => {
    for (const { path, layout } of members) decompressor.stdin.write(await readMember(path, layout));
    decompressor.stdin.end();
  };
  const drain = async () => {
    for await (const chunk of decompressor.stdout) scanner.push(chunk as Buffer);
  };
  await Promise.all([feed(), drain(), decompressor.done]);
  if (archives.length !== members.length) {
    throw new VmbuilderError(
      "package-malformed",
      `${archives.length} of ${members.length} control archives could be read`,
    );
  }
  return archives;
}

async function readMember(path: string, layout: DebLayout): Promise<Buffer> {
  if (layout.control.sizeBytes > LARGEST_CONTROL_BYTES)
    throw new VmbuilderError("package-malformed", `${path}: control archive is too large`);
  const file = await open(path, "r");
  try {
    const bytes = Buffer.alloc(layout.control.sizeBytes);
    await file.read(bytes, 0, bytes.length, layout.control.offset);
    return bytes;
  } finally {
    await file.close();
  }
}

function takeControl(files: Map<string, ControlFile>, path: string): Stanza {
  const [control] = parseDeb822(files.get("control")?.content.toString("utf8") ?? "");
  files.delete("control");
  if (!control?.get("Package") || !control.get("Version"))
    throw new VmbuilderError("package-malformed", `${path}: no package name or version`);
  return control;
}
