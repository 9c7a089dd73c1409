import { writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { run } from "./process.ts";
import type { Extent } from "./undo-file.ts";

/** The first inode that a file may have; those before belong to the file system, but for the root folder. */
const [ROOT_INODE, FIRST_INODE] = [2, 11];

/**
 * Sets when the inodes of a new file system were read and changed: `mke2fs -d` takes over from the tree when its files were
 * made on this host, which no program can set there.
 *
 * @see https://manpages.debian.org/debugfs
 */
export async function pinInodeTimes(
  disk: string,
  extent: Extent,
  epochSeconds: number,
  scratch: string,
  env: Record<string, string>,
  signal: AbortSignal,
): Promise<void> {
  // From its folder: in a path, a question mark would begin the options.
  const [fileSystem, cwd] = [`${basename(disk)}?offset=${extent.offsetBytes}`, dirname(disk)];
  const { stdout } = await run(["dumpe2fs", "-h", fileSystem], { cwd, env, signal });
  const field = (name: string) => Number(new RegExp(`^${name}:\\s*(\\d+)`, "m").exec(stdout)?.[1]);
  const last = field("Inode count") - field("Free inodes");
  const inodes = [ROOT_INODE, ...Array.from({ length: last - FIRST_INODE + 1 }, (_, i) => FIRST_INODE + i)];
  const commands = inodes.flatMap((inode) =>
    ["atime", "ctime", "crtime"].map((name) => `set_inode_field <${inode}> ${name} @${epochSeconds}\n`),
  );
  const file = join(scratch, "inode-times");
  await writeFile(file, commands.join(""));
  await run(["debugfs", "-w", "-f", file, fileSystem], {
    cwd,
    env: { ...env, DEBUGFS_PAGER: "__none__" },
    signal,
  });
}
