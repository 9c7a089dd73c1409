import { stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { openCache } from "../core/cache.ts";
import type { BuildContext } from "../core/context.ts";
import type { MachineDescription } from "../core/hypervisor.ts";
import { withContext } from "../core/work-directory.ts";
import { VmbuilderError } from "../model/errors.ts";
import type { EventSink } from "../model/events.ts";
import type { Identity } from "../model/identity.ts";
import type { Lock } from "../model/package.ts";
import { sharesBase } from "../model/placed-volume.ts";
import type { Plan } from "../model/plan.ts";
import type { Recipe } from "../model/recipe.ts";
import { findBase, plansOf } from "../stages/base-disk.ts";
import { withoutSecrets } from "../stages/deploy.ts";
import { BUILD_RECORD, publishFolder } from "../stages/destination.ts";
import { newMac, readIdentity } from "../stages/identity.ts";
import { describeDisks, describeMachine } from "../stages/machine-description.ts";
import { obtainBase } from "../stages/obtain-base.ts";
import { findHypervisor, planBuild } from "../stages/plan.ts";
import { IDENTITY_RECORD, RECORD_VERSION } from "../stages/record.ts";
import { checkLibvirtFor } from "./libvirt-machine.ts";
import { linkMachine, sharedBase } from "./link.ts";
import { type Forward, LIBVIRT_SESSION, MACHINE_FILES, type Machine, type MachineSpec } from "./machine.ts";
import { specOf } from "./machine-spec.ts";
import { firstBootsOf, obtainSnapshot } from "./memory-snapshot.ts";
import { ownKey } from "./own-key.ts";
import type { SnapshotFacts } from "./snapshot-state.ts";
import { formatSpec, type MachineStore, machineDirectory, readMachine, withMachineLock } from "./store.ts";

/** Host name of a machine before it is restored. */
const SNAPSHOT_HOST = "vmbuilder";
/** Stands for the key that isn't known yet; it decides nothing. */
const NO_KEY = "0".repeat(64);

/** What to make a machine from, and how. */
export interface CreateRequest {
  /** Default: the recipe's host name. */
  readonly name?: string | undefined;
  readonly recipe: Recipe;
  /** What the recipe came from, for people. */
  readonly origin: string;
  readonly lock?: Lock | undefined;
  readonly forwards?: readonly Forward[] | undefined;
  /** It goes when this process ends, or with the next `prune`. */
  readonly owner?: MachineSpec["owner"];
  /**
   * Go on from a booted machine of the cache instead of booting; the first such machine is booted for it. When it is only
   * preferred, a machine that must boot, or of which no memory can be had, is one that boots.
   */
  readonly fast?: boolean | "preferred" | undefined;
  /** Address of the libvirt that runs it, instead of a qemu of our own. */
  readonly libvirt?: string | undefined;
  readonly cacheDirectory: string;
  readonly signal: AbortSignal;
  readonly emit: EventSink;
}

/**
 * Makes a machine from a recipe: what is missing in the cache is built, then it is a thin image over the base there. root lets
 * vmbuilder's own key in, beside what the recipe says. It isn't started.
 *
 * @throws machine-exists, and what building throws
 */
export async function createMachine(store: MachineStore, request: CreateRequest): Promise<Machine> {
  const { signal, emit } = request;
  const name = request.name ?? request.recipe.hostname;
  const destination = machineDirectory(store, name);
  await refuseExisting(destination, name);
  await checkRunner(request, { name, directory: destination });
  const { plan, identity } = await planMachine(store, request.recipe, destination, signal);
  const { key, lock } = await obtainBase(plan, identity, request);
  await withMachineLock(store, name, signal, async () => {
    await refuseExisting(destination, name);
    const cache = await openCache(request.cacheDirectory);
    await withContext(cache, signal, emit, async (context) => {
      const base = await findBase(key, context);
      if (!base) throw new VmbuilderError("base-missing", `the base of ${name} has just gone`, { hint: "try again" });
      await make({ store, request, plan, identity, base, record: recordOf(plan, lock, key) }, context);
    });
  });
  return readMachine(store, name);
}

/** Whether what is to run the machine can do so. @throws usage, libvirt-unreachable, machine-exists */
async function checkRunner(
  { fast, libvirt, signal }: CreateRequest,
  machine: Pick<Machine, "name" | "directory">,
): Promise<void> {
  if (libvirt === undefined) return;
  if (fast)
    throw new VmbuilderError("usage", "a machine in libvirt cannot go on from the memory of another", {
      hint: "leave out --fast or --libvirt",
    });
  await checkLibvirtFor(libvirt, machine, signal);
}

/** All that is known when a machine's folder is made. */
interface Making {
  readonly store: MachineStore;
  readonly request: CreateRequest;
  readonly plan: Plan;
  readonly identity: Identity;
  readonly base: Parameters<typeof sharedBase>[0];
  readonly record: Record<string, unknown>;
}

async function make(making: Making, context: BuildContext): Promise<void> {
  const { fast } = making.request;
  if (!fast || (fast === "preferred" && firstBootsOf(making.identity) !== undefined))
    return makeLinked(making, context);
  try {
    await makeFast(making, context);
  } catch (error) {
    const isOfMachine = error instanceof VmbuilderError && error.code.startsWith("machine-");
    if (fast !== "preferred" || context.signal.aborted || !isOfMachine) throw error;
    await makeLinked(making, context); // which shows what is wrong with it
  }
}

async function makeLinked({ request, plan, identity, base, record }: Making, context: BuildContext): Promise<void> {
  const { recipe, suite, architecture, destination } = plan;
  const hypervisors = [findHypervisor("kvm")];
  const libvirt = request.libvirt === undefined ? undefined : LIBVIRT_SESSION;
  const fill = (directory: string, machine: MachineDescription) =>
    writeFile(join(directory, MACHINE_FILES.spec), formatSpec(specOf(machine, { ...request, libvirt })));
  await linkMachine(
    {
      base: sharedBase(base, context),
      identity,
      recipe,
      suite,
      architecture,
      hypervisors,
      destination,
      overwrite: false,
      record,
      fill,
    },
    context,
  );
}

/** The machine that the snapshot is of has names and numbers of its own, the same whoever makes it. */
async function makeFast(
  { store, request, plan, identity, base, record }: Making,
  context: BuildContext,
): Promise<void> {
  const { recipe, suite, architecture, destination } = plan;
  const describe = async (
    hostname: string,
    { network, ids, moreIds }: Pick<Identity, "network" | "ids" | "moreIds">,
  ) => {
    const disks = describeDisks(
      hostname,
      base.facts,
      { ids, ...(moreIds ? { moreIds } : {}) },
      { name: "qcow2", suffix: ".qcow2" },
    );
    const described = {
      recipe,
      distro: base.facts.distro,
      suite,
      architecture,
      hostname,
      network,
      diskGuid: ids.diskGuid,
    };
    return specOf(await describeMachine({ ...described, directory: destination }, disks), {
      ...request,
      libvirt: undefined,
    });
  };
  const booted = { ...identity, hostname: SNAPSHOT_HOST };
  const pending = { key: NO_KEY, cacheDirectory: context.cache.directory, isRenewed: false };
  const machine = { ...(await describe(SNAPSHOT_HOST, booted)), forwards: [], snapshot: pending };
  const object = await obtainSnapshot({ store, plan, identity: booted, base, machine }, context);
  const facts = object.meta.facts as SnapshotFacts;
  const own = {
    ...(await describe(identity.hostname, identity)),
    disks: facts.machine.disks,
    snapshot: { ...pending, key: object.key },
    cards: facts.machine.cards.map((card) => ({ ...card, mac: newMac() })),
  };
  await publishFolder(destination, false, async (directory) => {
    await writeFile(join(directory, MACHINE_FILES.spec), formatSpec(own));
    await writeFile(join(directory, BUILD_RECORD), `${JSON.stringify(record, null, 1)}\n`);
    await writeFile(join(directory, IDENTITY_RECORD), `${JSON.stringify(identity)}\n`, { mode: 0o600 });
  });
}

/** A recipe's machine as vmbuilder runs it: with its own key, in qcow2, in its own folder. */
export async function planMachine(
  store: MachineStore,
  asked: Recipe,
  destination: string,
  signal: AbortSignal,
): Promise<{ plan: Plan; identity: Identity }> {
  const { publicPath } = await ownKey(store);
  const recipe: Recipe = {
    ...asked,
    "ssh-key": [...asked["ssh-key"], publicPath],
    "hypervisor": ["kvm"],
    "format": [],
    "raw": [],
    "libvirt": undefined,
    "dest": destination,
  };
  const plan = await planBuild(recipe);
  if (!sharesBase(plansOf(plan)))
    throw new VmbuilderError("storage-impossible", "a machine with xfs, btrfs or LUKS is no thin image over a base", {
      hint: "make it by vmbuilder build, and start it by its run.sh",
    });
  return { plan, identity: await readIdentity(plan.recipe, plan, signal) };
}

/** Refuses a name that is taken. @throws machine-exists */
export async function refuseExisting(destination: string, name: string): Promise<void> {
  if (!(await stat(destination).catch(() => undefined))) return;
  throw new VmbuilderError("machine-exists", `there is a machine ${name} already`, {
    hint: `start it: vmbuilder start ${name}; or choose another --machine; or remove it: vmbuilder rm ${name}`,
  });
}

function recordOf(plan: Plan, lock: Lock, key: string): Record<string, unknown> {
  const { suite, architecture, packages } = plan;
  return {
    vmbuilder: RECORD_VERSION,
    recipe: withoutSecrets(plan.recipe),
    plan: { suite, architecture, packages },
    base: { key },
    packages: lock.packages.map(({ name, version, architecture: of, sha256 }) => ({
      name,
      version,
      architecture: of,
      sha256,
    })),
    sources: lock.sources,
    steps: [],
  };
}
