import { OWN_MOUNTS, runInNamespace } from "./namespace.ts";

/** Extended attributes that a system needs: file capabilities and access lists. */
const ATTRIBUTES = ["--xattrs", "--xattrs-include=security.capability", "--xattrs-include=system.posix_acl_*"];

/** Extended headers without tar's process id and without the times at which the tree was made and read. */
const STABLE_HEADERS = ["--format=posix", "--pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime"];

/** Packs a tree, owners by number as the guest has them. */
export async function packTree(tree: string, archive: string, signal: AbortSignal): Promise<void> {
  const argv = [
    "tar",
    "--create",
    `--file=${archive}`,
    "--use-compress-program=zstd -q --fast=1 -T0",
    "--numeric-owner",
    "--sort=name",
    "--warning=no-file-ignored",
    ...STABLE_HEADERS,
    ...ATTRIBUTES,
    "-C",
    tree,
    ".",
  ];
  await runInNamespace([...OWN_MOUNTS, ...argv], { signal });
}

/** Unpacks what {@link packTree} packed, into an empty folder. */
export async function unpackTree(archive: string, tree: string, signal: AbortSignal): Promise<void> {
  const argv = [
    "tar",
    "--extract",
    `--file=${archive}`,
    "--use-compress-program=zstd -q",
    "--numeric-owner",
    "--same-owner",
    "--same-permissions",
    ...ATTRIBUTES,
    "-C",
    tree,
  ];
  await runInNamespace([...OWN_MOUNTS, ...argv], { signal });
}
