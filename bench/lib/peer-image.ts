/**
 * Puts mmdebstrap's tree on a disk of ours, with all our settings but those of the initramfs, so that the two machines
 * differ in what mmdebstrap made alone: `peer-image.ts SUITE CACHE-DIR SSH-KEY TREE.tar.zst RESULT-DIR`
 */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { openCache } from "../../src/core/cache.ts";
import { readRecipe } from "../../src/core/recipe-file.ts";
import { withContext } from "../../src/core/work-directory.ts";
import { NETWORK_SETTINGS } from "../../src/distros/debian-family/networkd.ts";
import { SETTINGS } from "../../src/distros/debian-family/settings.ts";
import { writeToTree } from "../../src/distros/packagers/apt/write-to-tree.ts";
import { qcow2 } from "../../src/formats/qcow2.ts";
import { assembleBase } from "../../src/stages/assemble.ts";
import { identifyDisks } from "../../src/stages/base-disk.ts";
import { readIdentity } from "../../src/stages/identity.ts";
import { describeDisk, describeMachine } from "../../src/stages/machine-description.ts";
import { findDistro, findHypervisor, planBuild } from "../../src/stages/plan.ts";
import { OWN_MOUNTS, runInNamespace } from "../../src/system/namespace.ts";

const [suite, cacheDirectory, sshKey, archive, destination] = process.argv.slice(2);
if (!suite || !cacheDirectory || !sshKey || !archive || !destination) throw new Error("five arguments are needed");

const NEW = { object: undefined, grownFrom: undefined };
const UNPACK = ["tar", "--extract", "--numeric-owner", "--same-owner", "--same-permissions", "--zstd"];

const recipe = await readRecipe(undefined, { suite, hostname: "peer", "ssh-key": sshKey });
const plan = await planBuild(recipe);
const distro = findDistro(recipe.distro);
const signal = new AbortController().signal;

await withContext(
  await openCache(cacheDirectory),
  signal,
  () => {},
  async (context) => {
    const lock = await distro.resolve(plan, context);
    const tree = join(context.workDirectory, "tree");
    const bootDirectory = join(context.workDirectory, "boot");
    await mkdir(tree, { mode: 0o755 });
    await mkdir(bootDirectory);
    await runInNamespace([...OWN_MOUNTS, ...UNPACK, `--file=${archive}`, "-C", tree], { signal });
    await writeToTree(
      tree,
      [...SETTINGS, ...NETWORK_SETTINGS].filter(({ path }) => !path.includes("initramfs-tools")),
      signal,
    );
    const facts = await distro.finish({ tree, plan, lock }, bootDirectory, context);
    const base = await assembleBase(
      distro,
      plan,
      { key: "peer", title: "mmdebstrap's tree", facts, directory: tree, bootDirectory, ...NEW },
      context,
    );
    const overlay = join(context.workDirectory, "machine.qcow2");
    const identity = await readIdentity(recipe, plan, signal);
    const nowSeconds = Math.floor(Date.now() / 1000);
    await identifyDisks(distro, { ...base, images: Promise.resolve([]) }, identity, [overlay], nowSeconds, context);
    await mkdir(destination, { recursive: true });
    const disk = describeDisk("peer.qcow2", plan.disk.sizeBytes, identity.ids.diskGuid, "qcow2");
    await qcow2.convert({ path: overlay, format: "qcow2" }, join(destination, disk.name), disk.uuid, signal);
    const described = {
      ...plan,
      distro: distro.name,
      hostname: "peer",
      network: identity.network,
      directory: destination,
    };
    const machine = await describeMachine({ ...described, diskGuid: identity.ids.diskGuid }, [disk]);
    for (const { name, content, mode } of findHypervisor("kvm").describe(machine))
      await writeFile(join(destination, name), content, { mode });
  },
);
