/** What is compared of a file beside its content. */
export interface FileFacts {
  readonly type: "file" | "directory" | "symlink" | "device" | "other";
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** 0 for all but files. */
  readonly sizeBytes: number;
  /** Where a link leads, or a device's numbers. */
  readonly target: string;
}

/** In what a file differs from the one of the same path. */
export type FileAspect = "type" | "mode" | "owner" | "size" | "target" | "content";

/** A file that another tree has, too, though not the same. */
export interface ChangedFile<T extends FileFacts = FileFacts> {
  readonly path: string;
  readonly before: T;
  readonly after: T;
  readonly aspects: readonly FileAspect[];
}

/** Which files another tree has more, less, and not the same. */
export interface FileDiff<T extends FileFacts = FileFacts> {
  readonly added: readonly { readonly path: string; readonly file: T }[];
  readonly removed: readonly { readonly path: string; readonly file: T }[];
  readonly changed: readonly ChangedFile<T>[];
  /** Sum of the files' sizes. */
  readonly totalBytes: { readonly before: number; readonly after: number };
}

/** Compares two trees by path; `hasSameContent` is asked of files whose size is the same. */
export async function diffFiles<T extends FileFacts>(
  before: ReadonlyMap<string, T>,
  after: ReadonlyMap<string, T>,
  hasSameContent: (a: T, b: T) => Promise<boolean>,
): Promise<FileDiff<T>> {
  const only = (these: ReadonlyMap<string, T>, those: ReadonlyMap<string, T>) =>
    [...these].flatMap(([path, file]) => (those.has(path) ? [] : [{ path, file }])).sort(byPath);
  const changed: ChangedFile<T>[] = [];
  for (const [path, old] of before) {
    const now = after.get(path);
    if (!now) continue;
    const aspects = aspectsOf(old, now);
    const mayDiffer = old.type === "file" && now.type === "file" && old.sizeBytes === now.sizeBytes;
    if (mayDiffer && !(await hasSameContent(old, now))) aspects.push("content");
    if (aspects.length > 0) changed.push({ path, before: old, after: now, aspects });
  }
  return {
    added: only(after, before),
    removed: only(before, after),
    changed: changed.sort(byPath),
    totalBytes: { before: total(before), after: total(after) },
  };
}

function aspectsOf(a: FileFacts, b: FileFacts): FileAspect[] {
  if (a.type !== b.type) return ["type"];
  const aspects: [FileAspect, boolean][] = [
    ["mode", a.mode !== b.mode],
    ["owner", a.uid !== b.uid || a.gid !== b.gid],
    ["size", a.sizeBytes !== b.sizeBytes],
    ["target", a.target !== b.target],
  ];
  return aspects.flatMap(([aspect, differs]) => (differs ? [aspect] : []));
}

function byPath(a: { path: string }, b: { path: string }): number {
  return a.path < b.path ? -1 : 1;
}

function total(tree: ReadonlyMap<string, FileFacts>): number {
  return [...tree.values()].reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
}

/** A line of text about a file that has changed: `mode 0644 -> 0600, size 10 -> 20`. */
export function describeChange({ before, after, aspects }: ChangedFile): string {
  const values: Readonly<Record<Exclude<FileAspect, "content">, (file: FileFacts) => string>> = {
    type: ({ type }) => type,
    mode: ({ mode }) => mode.toString(8).padStart(4, "0"),
    owner: ({ uid, gid }) => `${uid}:${gid}`,
    size: ({ sizeBytes }) => String(sizeBytes),
    target: ({ target }) => target,
  };
  return aspects
    .map((aspect) => {
      if (aspect === "content") return aspect;
      return `${aspect} ${values[aspect](before)} -> ${values[aspect](after)}`;
    })
    .join(", ");
}
