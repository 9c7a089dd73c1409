/**
 * A change to one file of a guest, as plain data: what identity, configuration and first-boot set-up consist of.
 * It can be applied to a tree (chrooted) or to a finished file system (debugfs) alike.
 */
export type FileEdit =
  | {
      kind: "file";
      path: string;
      content: string;
      /** How `content` stands for bytes; utf8 unless it is given. */
      encoding?: "utf8" | "base64";
      mode: number;
      uid?: number;
      gid?: number;
      /** Makes the folders on the way, root's with mode 755, as far as they lack. */
      withParents?: boolean;
    }
  | { kind: "directory"; path: string; mode: number; uid?: number; gid?: number }
  | { kind: "symlink"; path: string; target: string }
  | { kind: "remove"; path: string };

/** Path of every guest file that an edit may name: absolute, normal, without control characters. */
export function isGuestPath(path: string): boolean {
  return /^(\/[^/\p{Cc}"]+)+$/u.test(path) && !path.split("/").some((part) => part === "." || part === "..");
}
