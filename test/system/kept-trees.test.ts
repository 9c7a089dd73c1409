import { mkdir, readdir, rm, stat, utimes } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Cache, type CacheObject, findObject, openCache, verifyObject } from "../../src/core/cache.ts";
import type { BuildContext } from "../../src/core/context.ts";
import { withContext } from "../../src/core/work-directory.ts";
import { keepTree, type Tree } from "../../src/stages/install.ts";
import { closeTree, type OpenTree, openTree, TREE_FOLDER } from "../../src/stages/kept-tree.ts";
import { OWN_MOUNTS, runInNamespace } from "../../src/system/namespace.ts";
import { listTree } from "../../src/system/tree-listing.ts";
import { makeBuildFolder } from "../fixtures/built-cache.ts";

const KEYS = { base: "a".repeat(64), layer: "b".repeat(64) };
/** What trees are made of: files and folders of several owners, links, modes that nobody may read. */
const FILL = `cd "$1" && mkdir -m 755 etc var var/mail var/db && mkdir -m 700 var/db/own && echo one >etc/one && echo two >etc/two
ln etc/one etc/same && ln -s one etc/link && chmod 4755 etc/two && echo secret >var/db/own/secret && chmod 600 var/db/own/secret
chown 8:8 var/mail && chmod 2775 var/mail && chown -R 110:115 var/db && mkdir srv && echo gone >srv/gone`;
const CHANGE = `cd "$1" && echo new >etc/new && rm etc/two && rm -r srv && mkdir srv && echo here >srv/here && echo more >>var/db/own/secret
mkdir var/other && chown 111 var/other && chown 0 var/mail`;

let root: string;
let cache: Cache;
beforeEach(async () => {
  root = await makeBuildFolder("vmb-kept-");
  cache = await openCache(join(root, "cache"));
});
afterEach(() => rm(root, { recursive: true, force: true }));

function inWork<T>(work: (context: BuildContext) => Promise<T>): Promise<T> {
  return withContext(cache, new AbortController().signal, () => {}, work);
}

const script = (text: string, ...args: string[]) => runInNamespace([...OWN_MOUNTS, "sh", "-ec", text, "sh", ...args]);
const listing = async (folder: string) =>
  (await listTree(folder, new AbortController().signal)).map((entry) => ({ ...entry, mtimeSeconds: 0 }));
const facts = { packages: [], kernelVersion: "", sizeBytes: 1000, files: {} };

async function keep(key: string, directory: string, context: BuildContext, grownFrom?: OpenTree): Promise<CacheObject> {
  const bootDirectory = join(context.workDirectory, "boot");
  await mkdir(bootDirectory, { recursive: true });
  const tree: Tree = { key, title: "a tree", facts, directory, bootDirectory, object: undefined, grownFrom };
  const { object } = await keepTree(tree, context);
  if (!object) throw new Error("nothing was kept");
  return object;
}

/** A kept tree, with what it holds. */
async function keepBase(context: BuildContext) {
  const tree = join(context.workDirectory, "made");
  await mkdir(tree, { mode: 0o755 });
  await script(FILL, tree);
  const held = await listing(tree);
  return { held, object: await keep(KEYS.base, tree, context) };
}

async function open(object: CacheObject, context: BuildContext, name = "open"): Promise<OpenTree> {
  const tree = await openTree(object, join(context.workDirectory, name), context);
  if (!tree) throw new Error("the tree can't be opened");
  return tree;
}

test("a kept tree opens as it was, and what is done to it then doesn't reach the kept one", async () => {
  await inWork(async (context) => {
    const { held, object } = await keepBase(context);
    const tree = await open(object, context);
    expect(tree.changes).toBeDefined();
    expect(await listing(tree.directory)).toEqual(held);
    await script(CHANGE, tree.directory);
    expect(await listing(tree.directory)).not.toEqual(held);
    await closeTree(tree.directory);
    expect(await verifyObject(cache, object)).toBe(true);
    expect(await listing((await open(object, context)).directory)).toEqual(held);
  });
  expect(await readdir(join(cache.directory, "work"))).toEqual([]);
});

test("all folders of a kept tree are the caller's, so that they can be removed without a namespace", async () => {
  const { object } = await inWork(keepBase);
  const folders = await readdir(join(object.directory, TREE_FOLDER), { recursive: true, withFileTypes: true });
  for (const entry of folders.filter((one) => one.isDirectory()))
    expect((await stat(join(entry.parentPath, entry.name))).uid).toBe(process.getuid?.());
  await rm(object.directory, { recursive: true });
});

test("a layer upon a kept tree is kept alone, opens with it, and carries another", async () => {
  await inWork(async (context) => {
    const { object } = await keepBase(context);
    const first = await open(object, context, "first");
    await script(CHANGE, first.directory);
    const changed = await listing(first.directory);
    const layer = await keep(KEYS.layer, first.directory, context, first);
    expect(await readdir(join(layer.directory, TREE_FOLDER, "etc"))).toEqual(["new", "two"]); // one removed
    const second = await open(layer, context, "second");
    expect(await listing(second.directory)).toEqual(changed);
    await script('cd "$1" && rm etc/new && echo three >etc/three', second.directory);
    const again = await listing(second.directory);
    const third = await keep("c".repeat(64), second.directory, context, second);
    expect(await listing((await open(third, context, "third")).directory)).toEqual(again);
  });
});

test("opening a tree marks it and all that it stands on as used, or the cache would be rid of them meanwhile", async () => {
  await inWork(async (context) => {
    const { object } = await keepBase(context);
    const tree = await open(object, context, "first");
    const layer = await keep(KEYS.layer, tree.directory, context, tree);
    const longAgo = new Date(Date.now() - 40 * 86_400_000);
    for (const one of [object, layer]) await utimes(one.directory, longAgo, longAgo);
    await open(layer, context, "second");
    for (const one of [object, layer]) expect(Date.now() - (await stat(one.directory)).mtimeMs).toBeLessThan(60_000);
  });
});

test("a layer whose tree has gone can't be opened, and makes room for another", async () => {
  await inWork(async (context) => {
    const { object } = await keepBase(context);
    const tree = await open(object, context);
    const layer = await keep(KEYS.layer, tree.directory, context, tree);
    await rm(object.directory, { recursive: true });
    expect(await openTree(layer, join(context.workDirectory, "again"), context)).toBeUndefined();
    expect(await findObject(cache, "tree", KEYS.layer)).toBeUndefined();
    expect(await readdir(context.workDirectory)).not.toContain("again");
  });
});

test.each([
  [
    "content of the same size, with its old time",
    'cd "$1/etc" && touch -r one ../t && echo six >one && touch -r ../t one && rm ../t',
  ],
  ["a mode", 'chmod 600 "$1/etc/one"'],
  ["an owner", 'chown 5 "$1/etc/one"'],
  ["a new file", 'touch "$1/etc/other"'],
  ["a file that was cut off", 'truncate -s 1 "$1/etc/one"'],
])("a kept tree that was changed is noticed, and not used: %s", async (_, damage) => {
  await inWork(async (context) => {
    const { object } = await keepBase(context);
    expect(await verifyObject(cache, object)).toBe(true);
    await script(damage, join(object.directory, TREE_FOLDER));
    expect(await openTree(object, join(context.workDirectory, "open"), context)).toBeUndefined();
    expect(await findObject(cache, "tree", KEYS.base)).toBeUndefined();
  });
});

test("where layers can't be shown, a tree is copied", async () => {
  await inWork(async (context) => {
    const { held, object } = await keepBase(context);
    const tree = await open(object, context, "with:colon");
    expect(tree.changes).toBeUndefined();
    expect(await listing(tree.directory)).toEqual(held);
    await script(CHANGE, tree.directory);
    expect(await verifyObject(cache, object)).toBe(true);
  });
});
