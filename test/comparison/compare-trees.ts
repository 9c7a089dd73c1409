import type { TreeContents, TreeNode } from "./read-tree.ts";

/** What of a path differs. */
export const ASPECTS = ["missing", "extra", "type", "mode", "owner", "link", "xattrs", "mtime", "content"] as const;
export type Aspect = (typeof ASPECTS)[number];

/** One aspect of one path in which a tree is not as the reference has it. */
export interface Difference {
  readonly path: string;
  readonly aspect: Aspect;
  readonly reference: string;
  readonly actual: string;
}

/** Reduces a file's content to what must agree. */
export type CanonicalForm = (content: string) => string;

/** How two trees are compared. */
export interface ComparisonRules {
  /** The form of a file's content that must agree; undefined: every byte. */
  readonly canonicalForm: (path: string) => CanonicalForm | undefined;
  /** Times of files before this are a package's and must agree; later ones tell only when the tree was made. */
  readonly madeAfterSeconds: number;
}

/** Compares every path of two trees, sorted by path. */
export function compareTrees(reference: TreeContents, actual: TreeContents, rules: ComparisonRules): Difference[] {
  const paths = new Set([...reference.keys(), ...actual.keys()]);
  return [...paths].sort().flatMap((path) => {
    const [a, b] = [reference.get(path), actual.get(path)];
    if (!b) return [{ path, aspect: "missing" as const, reference: a?.type ?? "", actual: "" }];
    if (!a) return [{ path, aspect: "extra" as const, reference: "", actual: b.type }];
    return compareNodes(path, a, b, rules);
  });
}

function compareNodes(path: string, a: TreeNode, b: TreeNode, rules: ComparisonRules): Difference[] {
  if (a.type !== b.type) return [{ path, aspect: "type", reference: a.type, actual: b.type }];
  const differences: Difference[] = [];
  const check = (aspect: Aspect, reference: string, actual: string) => {
    if (reference !== actual) differences.push({ path, aspect, reference, actual });
  };
  if (a.type !== "symlink") check("mode", a.mode.toString(8), b.mode.toString(8));
  check("owner", a.owner, b.owner);
  check("link", a.symlinkTarget || a.hardlinks.join(" "), b.symlinkTarget || b.hardlinks.join(" "));
  check("xattrs", a.xattrs.join(" "), b.xattrs.join(" "));
  if (a.type !== "directory" && a.mtimeSeconds < rules.madeAfterSeconds)
    check("mtime", String(a.mtimeSeconds), String(b.mtimeSeconds));
  const form = rules.canonicalForm(path);
  if (form && a.content && b.content) check("content", form(a.content.toString()), form(b.content.toString()));
  else check("content", a.sha256, b.sha256);
  return differences;
}
