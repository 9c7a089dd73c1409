import { join } from "node:path";
import { openCache } from "../../src/core/cache.ts";
import { runStep } from "../../src/core/context.ts";
import { withContext } from "../../src/core/work-directory.ts";
import type { Lock } from "../../src/model/package.ts";
import type { Plan } from "../../src/model/plan.ts";
import { recipeSchema } from "../../src/model/recipe.ts";
import { prepareHeadStart } from "../../src/stages/head-start.ts";
import { findTree, installTree, keepTree } from "../../src/stages/install.ts";
import { findDistro, planBuild } from "../../src/stages/plan.ts";
import { start } from "../../src/system/process.ts";
import { packTree } from "../../src/system/tree-archive.ts";
import { readTree, type TreeContents } from "./read-tree.ts";

const SUITE = "bookworm";
const REFERENCE_TIMEOUT_MS = 20 * 60 * 1000;

/** Both tools' trees of one package set, from the same sources. */
export interface BuiltTrees {
  readonly reference: TreeContents;
  readonly actual: TreeContents;
}

/** Builds the tree with vmbuilder, then with mmdebstrap. */
export async function buildTrees(
  cacheDirectory: string,
  keeps: (path: string) => boolean,
  signal: AbortSignal,
): Promise<BuiltTrees> {
  const plan = await planBuild(recipeSchema.parse({ suite: SUITE, addpkg: "openssh-server" }));
  const { lock, actual } = await buildActual(plan, cacheDirectory, keeps, signal);
  return { reference: await buildReference(plan, lock, keeps, signal), actual };
}

async function buildActual(
  plan: Plan,
  cacheDirectory: string,
  keeps: (path: string) => boolean,
  signal: AbortSignal,
): Promise<{ lock: Lock; actual: TreeContents }> {
  const distro = findDistro(plan.recipe.distro);
  const cache = await openCache(cacheDirectory);
  return withContext(
    cache,
    signal,
    () => {},
    async (context) => {
      const lock = await distro.resolve(plan, context);
      const noHeadStart = prepareHeadStart(plan, context); // it never begins
      if (!(await findTree(distro, plan, lock, noHeadStart, context))) {
        const made = await runStep(context, "install", "Install packages", () =>
          installTree(distro, plan, lock, noHeadStart, context),
        );
        await keepTree(made, context);
      }
      const kept = await findTree(distro, plan, lock, noHeadStart, context);
      const archive = join(context.workDirectory, "tree.tar.zst");
      await packTree(String(kept?.directory), archive, { signal });
      return { lock, actual: await readOutput(["zstd", "-q", "-d", "-c", archive], keeps, signal) };
    },
  );
}

/**
 * mmdebstrap runs with its defaults but for three hooks that bring it to the same packages in reasonable time: a merged
 * /usr from the start, the package that records this (not the one that converts old systems), and a small initramfs.
 */
function buildReference(
  plan: Plan,
  lock: Lock,
  keeps: (path: string) => boolean,
  signal: AbortSignal,
): Promise<TreeContents> {
  const preference = "etc/apt/preferences.d/tree-comparison";
  const initramfs = "etc/initramfs-tools/conf.d/tree-comparison";
  const mergeUsr = 'for link in bin sbin lib lib64; do mkdir -p "$1/usr/$link"; ln -s "usr/$link" "$1/$link"; done';
  const pin = String.raw`printf 'Package: usrmerge\nPin: release *\nPin-Priority: -1\n' >"$1/${preference}"`;
  // Root's mounts would outlive a mmdebstrap that is killed.
  const ownMounts = process.getuid?.() === 0 ? ["unshare", "--mount", "--propagation", "private", "--"] : [];
  const argv = [
    ...ownMounts,
    "mmdebstrap",
    "--variant=important",
    "--format=tar",
    `--include=${plan.packages.include.join(",")}`,
    `--setup-hook=${mergeUsr}; mkdir -p "$1/etc/apt/preferences.d"; ${pin}`,
    `--essential-hook=mkdir -p "$1/etc/initramfs-tools/conf.d"; echo MODULES=list >"$1/${initramfs}"`,
    `--customize-hook=rm "$1/${preference}" "$1/${initramfs}"`,
    plan.suite,
    "-",
    ...lock.sources.flatMap(({ uri, suites, components, keyring }) =>
      suites.map((suite) => `deb [signed-by=${keyring}] ${uri} ${suite} ${components.join(" ")}`),
    ),
  ];
  return readOutput(argv, keeps, signal);
}

async function readOutput(
  argv: readonly string[],
  keeps: (path: string) => boolean,
  signal: AbortSignal,
): Promise<TreeContents> {
  const running = start(argv, { signal, timeoutMs: REFERENCE_TIMEOUT_MS });
  running.stdin.end();
  const tree = await readTree(running.stdout, keeps);
  await running.done;
  return tree;
}
