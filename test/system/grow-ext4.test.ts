import { copyFile, mkdir, open } from "node:fs/promises";
import { join, posix } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { diskBytes } from "../../src/system/disk-bytes.ts";
import type { DiskPatch } from "../../src/system/disk-image.ts";
import { makeSparseFile } from "../../src/system/disk-image.ts";
import { openRaw } from "../../src/system/disk-reader.ts";
import { makeExt4 } from "../../src/system/ext4.ts";
import { type Ext4Inode, openExt4 } from "../../src/system/ext4-reader.ts";
import { readStructure, takeStructure } from "../../src/system/ext4-structure.ts";
import { removeGuestTree } from "../../src/system/files.ts";
import { growExt4 } from "../../src/system/grow-ext4.ts";
import { OWN_MOUNTS, runInNamespace } from "../../src/system/namespace.ts";
import { showLayers } from "../../src/system/tree-layers.ts";
import { makeBuildFolder } from "../fixtures/built-cache.ts";
import { run } from "../fixtures/vmbuilder.ts";

const signal = new AbortController().signal;
const FILL = `cd "$1" && mkdir -p etc usr/bin usr/share/doc/a/b var/mail deep/er && echo one >etc/one && echo two >etc/two && ln etc/one etc/same
ln -s ../one etc/link && chown 8:8 var/mail && chmod 2775 var/mail && echo x >usr/share/doc/a/b/c && ln -s b usr/share/doc/a/link && echo y >deep/er/file
for i in $(seq 60); do echo $i >usr/bin/program-$i; done; echo capable >usr/bin/ping && chmod 4755 usr/bin/ping`;

let root: string;
beforeEach(async () => {
  root = await makeBuildFolder("vmb-grow-");
});
afterEach(() => removeGuestTree(root));

const script = (text: string, ...args: string[]) => runInNamespace([...OWN_MOUNTS, "sh", "-ec", text, "sh", ...args]);
/** Content and times of files; where links lead. */
const LIST = `cd "$1" && find . -path ./lost+found -prune -o \\( -printf '%P %y %l ' -type f -printf '%s %T@ ' -exec sha256sum {} \\; -o -printf '\\n' \\) | sed 's/\\.[0-9]* / /' | sort`;
const LIST_OWNERS = `cd "$1" && find . -printf '/%P %m %U %G\\n' | sort`;

/** Changes a tree by way of a layer, and the file system that holds it likewise. */
async function grow(change: string) {
  const [tree, image, shown, scratch] = ["tree", "disk", "shown", "scratch"].map((name) => join(root, name)) as [
    string,
    string,
    string,
    string,
  ];
  await mkdir(tree, { mode: 0o755 });
  await script(FILL, tree);
  const extent = { offsetBytes: 0, sizeBytes: 64 * 1024 * 1024 };
  await makeSparseFile(image, extent.sizeBytes);
  await makeExt4(image, extent, "c9657d34-8ea3-4b7e-89a1-e500914ca844", tree, "summed", signal);
  const structure = { archive: join(root, "structure.tar"), ready: join(root, "structure.ready") };
  await (await readStructure(image, extent, structure, signal)).packed();
  await mkdir(shown, { mode: 0o755 });
  const changes = await showLayers([tree], shown, scratch, signal);
  if (changes === undefined) throw new Error("no layers can be shown here");
  await script(change, shown);
  const folder = join(root, "growth");
  await mkdir(folder);
  await takeStructure(structure, folder, signal);
  const patches = await growExt4(changes, folder, 1_700_000_000, signal);
  return { shown, image, patches };
}

async function apply(image: string, patches: readonly DiskPatch[]): Promise<string> {
  const grown = `${image}.grown`;
  await copyFile(image, grown);
  const file = await open(grown, "r+");
  for (const { offsetBytes, bytes } of patches) await file.write(bytes, 0, bytes.length, offsetBytes);
  await file.close();
  return grown;
}

/** What an image holds, by a program that isn't the one which wrote it. It makes files anew, without what comes of their owners. */
async function dump(image: string): Promise<string> {
  const folder = `${image}.dump`;
  await mkdir(folder);
  await script('debugfs -R "rdump / $2" "$1" 2>/dev/null', image, folder);
  return (await script(LIST, folder)).stdout;
}

async function listOwners(image: string): Promise<string> {
  const disk = await openRaw(image);
  const reader = await openExt4(diskBytes(disk), 0);
  if (!reader) throw new Error(`${image} is no ext4`);
  const lines: string[] = [];
  const walk = async (path: string, inode: Ext4Inode) => {
    lines.push(`${path} ${inode.mode.toString(8)} ${inode.uid} ${inode.gid}\n`);
    if (inode.type !== "directory") return;
    for (const { name, inode: below } of await reader.list(inode))
      if (name !== "lost+found") await walk(posix.join(path, name), await reader.inode(below));
  };
  await walk("/", await reader.inode(reader.root));
  await disk.close();
  return lines.join("");
}

test.each([
  [
    "new files, folders and links",
    'cd "$1" && echo n >etc/new && mkdir -m 700 srv && echo s >srv/s && ln -s /etc/new srv/link && chown -h 5:6 srv/link srv',
  ],
  [
    "many files in one folder, and large ones",
    'cd "$1" && for i in $(seq 900); do echo $i >usr/bin/new-$i; done; seq 900000 >usr/large',
  ],
  [
    "other content, in place and by renaming",
    'cd "$1" && echo more >>etc/two && echo other >etc/t && mv etc/t etc/one',
  ],
  [
    "modes, owners and times",
    'cd "$1" && chmod 600 etc/two && chown 7:9 usr/bin/program-3 && touch -d @1600000000 usr/bin/program-4 && chmod 1777 etc && chown 3 deep',
  ],
  ["removed files and folders", 'cd "$1" && rm etc/two etc/link usr/bin/program-1* && rm -r usr/share/doc'],
  [
    "a folder in the place of a removed one",
    'cd "$1" && rm -r usr/share/doc && mkdir -p usr/share/doc/a && echo new >usr/share/doc/a/other && rm -r deep && mkdir deep',
  ],
  [
    "a folder in the place of a file, and the reverse",
    'cd "$1" && rm etc/two && mkdir -p etc/two/below && echo b >etc/two/below/b && rm -r deep && echo file >deep',
  ],
  ["a link in the place of a folder", 'cd "$1" && mv usr/share/doc usr/doc && ln -s ../doc usr/share/doc'],
  [
    "names with spaces, brackets and letters of all kinds",
    `cd "$1" && mkdir 'a b' && echo x >'a b/[c] (d) ä 漢' && echo y >"a b/it's" && echo z >'a b/$HOME;#'`,
  ],
  [
    "set-user-id programs",
    'cd "$1" && cp usr/bin/ping usr/bin/pong && chmod 4755 usr/bin/pong && chmod 6711 usr/bin/ping',
  ],
])("writes into a file system what a layer changes: %s", async (_, change) => {
  const { shown, image, patches } = await grow(change);
  if (!patches) throw new Error("it could not be written");
  const grown = await apply(image, patches);
  const { status, stdout } = await run("e2fsck", ["-fn", grown]);
  expect(stdout).not.toMatch(/\? no|WARNING/);
  expect(status).toBe(0);
  expect(await dump(grown)).toBe((await script(LIST, shown)).stdout);
  const sorted = (text: string) => text.split("\n").sort();
  expect(sorted(await listOwners(grown))).toEqual(sorted((await script(LIST_OWNERS, shown)).stdout));
});

test("writes hard links with their count", async () => {
  const { image, patches } = await grow(
    'cd "$1" && echo n >etc/first && ln etc/first etc/second && ln etc/first usr/third',
  );
  const grown = await apply(image, patches ?? []);
  expect((await run("e2fsck", ["-fn", grown])).status).toBe(0);
  for (const path of ["/etc/first", "/etc/second", "/usr/third"])
    expect((await run("debugfs", ["-R", `stat ${path}`, grown])).stdout).toContain("Links: 3");
  expect((await run("debugfs", ["-R", "stat /etc/same", grown])).stdout).toContain("Links: 2");
});

test.each([
  ["a pipe", 'mkfifo "$1/etc/pipe"'],
  ["a name with a quotation mark", `touch "$1/etc/a\\"b"`],
  [
    "a name with a line's end",
    `touch "$1/etc/a
b"`,
  ],
  ["a folder whose name is no UTF-8", `mkdir "$1/etc/$(printf 'a\\377')"`],
  ["a link to what is no UTF-8", `ln -s "$(printf 'a\\377')" "$1/etc/to"`],
  [
    "a name of many bytes",
    `cd "$1/etc" && for i in 1 2 3 4 5 6 7 8 9; do n=$(printf '%084d' 0 | sed 's/0/漢/g'); mkdir $n && cd $n; done`,
  ],
  ["a file with capabilities", 'setcap cap_net_raw+ep "$1/usr/bin/ping"'],
  ["more than there is room for", 'head -c 80000000 /dev/urandom >"$1/large"'],
])("says so when it can't: %s", async (_, change) => {
  expect((await grow(change)).patches).toBeUndefined();
});
