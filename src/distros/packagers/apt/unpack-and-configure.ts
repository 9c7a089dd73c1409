import { mkdtemp } from "node:fs/promises";
import { basename, join } from "node:path";
import { epochEnvironment, runStep } from "../../../core/context.ts";
import { Slots } from "../../../core/slots.ts";
import { together } from "../../../core/together.ts";
import { runInGuest } from "../../../system/guest.ts";
import { PATIENT } from "../../../system/process.ts";
import {
  type Configuration,
  configureForInitramfs,
  configurePending,
  kernelVersions,
  listModules,
  makeInitramfs,
  renewInitramfs,
} from "./configure.ts";
import type { OpenedDeb } from "./control-archive.ts";
import { emptyDatabase, infoName, type UnpackedPackage } from "./dpkg-database.ts";
import { activateFileTriggers, ownersOf, readDpkgState, readOwners, recordUnpacked } from "./dpkg-tree.ts";
import type { Flow } from "./install.ts";
import { findConflicting } from "./path-conflicts.ts";
import { isLoadedByScripts, isPartOfInitramfs, runPreinsts } from "./preinst.ts";
import { quickenScripts } from "./quick-scripts.ts";
import { runDpkg } from "./run-dpkg.ts";
import { type BuildStubs, writeStubs } from "./stubs.ts";
import { UNPACK_SLOTS, type Unpacking, unpackPackages } from "./unpack.ts";
import { writeToTree } from "./write-to-tree.ts";

const PREINST_BATCH = 8;
const NOTHING_INSTALLED = { status: "", diversions: "", triggers: new Map<string, string>() };

/**
 * Takes packages from the flow's queues into the tree. Required packages come first; the first group is unpacked while those
 * are configured; kernels are unpacked, and their initramfs is made, while that is configured.
 *
 * @throws package-malformed, script-failed, script-timeout
 */
export async function unpackAndConfigure(flow: Flow): Promise<void> {
  const { context } = flow;
  const { installation } = flow;
  const { tree } = installation;
  const unpacking = { tree, slots: new Slots(UNPACK_SLOTS), signal: context.signal, onUnpacked: flow.onUnpacked };
  const { base, first, kernels } = await runStep(context, "install/unpack", "Unpack packages", async () => {
    const base = await unpackRequired(flow, unpacking);
    const readyForKernels = Promise.withResolvers<void>();
    const ready = configureRequired(flow, base, readyForKernels.resolve);
    ready.then(readyForKernels.resolve, readyForKernels.reject);
    const kernels = unpackPackages(
      unpacking,
      preinstOrder(flow, flow.kernels, base, ready, readyForKernels.promise),
      1,
    );
    // Awaited below, unless something else fails before.
    for (const promise of [ready, readyForKernels.promise, kernels]) promise.catch(() => {});
    // The kernel takes longest, and its initramfs comes after it.
    const niceness = installation.packages.some(installation.isKernel) ? PATIENT : undefined;
    const order = preinstOrder(flow, flow.groups[0], base, ready);
    const first = await unpackPackages(unpacking, order, UNPACK_SLOTS, niceness);
    await ready;
    return { base, first, kernels };
  });
  await runStep(context, "install/configure", "Configure packages", () =>
    configureGroups(flow, unpacking, base, first, kernels),
  );
}

/**
 * Configures the first group, then unpacks and configures whatever pre-depends on the groups before it, which in a grown
 * tree may be a kernel; beside that makes the kernels' initramfs as soon as what makes it is configured.
 */
async function configureGroups(
  flow: Flow,
  unpacking: Unpacking,
  base: Base,
  first: readonly UnpackedPackage[],
  unpackingKernels: Promise<UnpackedPackage[]>,
): Promise<void> {
  const { context } = flow;
  const { tree } = flow.installation;
  const owners = new Map(base.owners);
  const record = async (group: readonly UnpackedPackage[]): Promise<Configuration> => {
    const stubs = await recordGroup(flow, owners, group);
    for (const [path, owner] of ownersOf(group)) owners.set(path, owner);
    const binds = await quickenScripts(group, await mkdtemp(join(context.workDirectory, "scripts-")));
    return { tree, unpacked: group, binds: { ...stubs.binds, ...binds }, onLine: flow.onConfigureLine };
  };
  const configuration = await record(first);
  const readyForInitramfs = configureForInitramfs(configuration, context);
  const makeBootable = async () => {
    const kernels = await unpackingKernels;
    const versions = kernelVersions(kernels);
    for (const version of versions) await listModules(tree, version, context);
    await (context.epochSeconds === undefined ? readyForInitramfs : configured.promise);
    for (const version of versions) await makeInitramfs(tree, version, context);
    return kernels;
  };
  // What packages that are configured meanwhile have come to would show in a reproducible build's initramfs.
  const configured = Promise.withResolvers<void>();
  const kernelsBootable = makeBootable();
  const configureAll = async () => {
    await readyForInitramfs;
    await configurePending(configuration, context);
    configured.resolve();
    const later: UnpackedPackage[] = [];
    for (const queue of flow.groups.slice(1)) {
      const debs: OpenedDeb[] = [];
      for await (const deb of queue) debs.push(deb);
      if (debs.length === 0) continue;
      if (debs.some(isPartOfInitramfs)) await kernelsBootable;
      const group = await unpackPackages(unpacking, preinstOrder(flow, debs, base, Promise.resolve()), UNPACK_SLOTS);
      await configurePending(await record(group), context);
      later.push(...group);
    }
    return later;
  };
  const [kernels, later] = await Promise.all([kernelsBootable, configureAll()]);
  if (kernels.length > 0) await configurePending(await record(kernels), context);
  for (const version of kernelVersions([...first, ...later])) {
    await listModules(tree, version, context);
    await makeInitramfs(tree, version, context);
  }
  // All initramfs of a new tree were made after the first group.
  const asking = kernels.length > 0 && base.installed.length > 0 ? later : [...first, ...later];
  await renewInitramfs({ ...configuration, unpacked: asking }, context);
}

/** What stands in the tree before the rest comes. */
interface Base {
  readonly installed: readonly UnpackedPackage[];
  readonly owners: ReadonlyMap<string, string>;
  readonly stubs: BuildStubs;
}

async function unpackRequired(flow: Flow, unpacking: Unpacking): Promise<Base> {
  const { installation, context } = flow;
  const { tree } = installation;
  const stubs = (owners: ReadonlyMap<string, string>) => makeStubs(flow, new Set(owners.keys()));
  if (!installation.packages.some(installation.isRequired)) {
    const owners = await readOwners(tree, context.signal);
    return { installed: [], owners, stubs: await stubs(owners) };
  }
  await writeToTree(tree, [...installation.skeleton, ...emptyDatabase()], context.signal);
  const arrived = await unpackPackages(unpacking, flow.required, UNPACK_SLOTS);
  const installed = arrived.toSorted((a, b) => byName(a.deb, b.deb));
  await writeToTree(tree, recordUnpacked(NOTHING_INSTALLED, installed), context.signal);
  const owners = ownersOf(installed);
  return { installed, owners, stubs: await stubs(owners) };
}

/**
 * Configures the required packages; `onReadyForKernels` is called when those that kernels pre-depend on are, since a kernel
 * takes longest. base-passwd and base-files come before their dependencies, since they bring root and the folders; debootstrap does
 * the same.
 */
async function configureRequired(flow: Flow, { installed, stubs }: Base, onReadyForKernels: () => void): Promise<void> {
  if (installed.length === 0) return;
  const { installation, context } = flow;
  const options = {
    binds: stubs.binds,
    onLine: flow.onConfigureLine,
    signal: context.signal,
    guestEnv: epochEnvironment(context),
  };
  const names = new Set(installed.map(({ deb }) => deb.control.get("Package")));
  const first = ["base-passwd", "base-files"].filter((name) => names.has(name));
  if (first.length > 0) await runDpkg(installation.tree, ["--force-depends", "--configure", ...first], options);
  const scripts = await mkdtemp(join(context.workDirectory, "preinst-"));
  await runPreinsts(
    installation.tree,
    installed.map(({ deb }) => deb),
    scripts,
    options,
  );
  const forKernels = flow.kernelNeeds.filter((name) => names.has(name) && !first.includes(name));
  if (forKernels.length > 0) await runDpkg(installation.tree, ["--configure", ...forKernels], options);
  onReadyForKernels();
  await runDpkg(installation.tree, ["--configure", "--pending"], options);
  await writeToTree(installation.tree, installation.settings, context.signal);
  if (installation.debconf && names.has("debconf")) {
    await runInGuest(installation.tree, ["debconf-set-selections"], { ...options, input: installation.debconf });
  }
}

/**
 * Packages in the order in which they may be unpacked: those with a preinst once it has run, those that scripts load last.
 *
 * @param ready resolves when preinsts may run
 * @param readyForKernels the same for kernels alone
 */
async function* preinstOrder(
  flow: Flow,
  queue: AsyncIterable<OpenedDeb> | Iterable<OpenedDeb> | undefined,
  base: Base,
  ready: Promise<void>,
  readyForKernels = ready,
): AsyncGenerator<OpenedDeb, undefined> {
  const { installation, context } = flow;
  const options = {
    binds: base.stubs.binds,
    onLine: flow.onConfigureLine,
    signal: context.signal,
    guestEnv: epochEnvironment(context),
  };
  let isReady = false;
  ready.then(() => (isReady = true)).catch(() => {});
  const kernels: OpenedDeb[] = [];
  const kernelNames = new Set(installation.packages.filter(installation.isKernel).map(({ name }) => name));
  let waiting: OpenedDeb[] = [];
  const last: OpenedDeb[] = [];
  const release = async (released: OpenedDeb[]) => {
    released.sort(byName); // not by their arrival: users get their numbers in this order
    await runPreinsts(installation.tree, released, await mkdtemp(join(context.workDirectory, "preinst-")), options);
    return released;
  };
  for await (const deb of queue ?? []) {
    if (kernelNames.has(deb.control.get("Package") ?? "")) kernels.push(deb);
    else if (isLoadedByScripts(deb)) last.push(deb);
    else if (!deb.files.has("preinst")) yield deb;
    else waiting.push(deb);
    if (isReady && waiting.length >= PREINST_BATCH && context.epochSeconds === undefined) {
      yield* await release(waiting);
      waiting = [];
    }
  }
  await readyForKernels;
  yield* await release(kernels);
  await ready;
  yield* await release([...waiting, ...last]);
  return undefined;
}

function byName(a: OpenedDeb, b: OpenedDeb): number {
  const [one = "", other = ""] = [a, b].map(({ control }) => infoName(control));
  return one < other ? -1 : one > other ? 1 : 0;
}

/** Makes dpkg know a group of unpacked packages; those whose paths are contested are unpacked again by dpkg itself. */
async function recordGroup(
  flow: Flow,
  present: ReadonlyMap<string, string>,
  arrived: readonly UnpackedPackage[],
): Promise<BuildStubs> {
  const { installation, context } = flow;
  const unpacked = arrived.toSorted((a, b) => byName(a.deb, b.deb));
  const { tree } = installation;
  const making = makeStubs(flow, new Set([...present.keys(), ...ownersOf(unpacked).keys()]));
  if (unpacked.length === 0) return making;
  const [stubs, state] = await together([making, readDpkgState(tree, context.signal)]);
  const conflicting = findConflicting(unpacked, { present, diversions: state.diversions });
  const settled = unpacked.filter((one) => !conflicting.has(one));
  await writeToTree(tree, recordUnpacked(state, settled), context.signal);
  if (conflicting.size > 0) await unpackByDpkg(flow, [...conflicting], stubs);
  await activateFileTriggers(tree, state, settled, context.signal);
  return stubs;
}

async function unpackByDpkg(flow: Flow, packages: readonly UnpackedPackage[], stubs: BuildStubs): Promise<void> {
  const { installation, context } = flow;
  const names = packages.map(({ deb }) => `/run/packages/${basename(deb.path)}`);
  const binds = { ...stubs.binds, "/run/packages": context.cache.packages };
  await runDpkg(installation.tree, ["--unpack", "--force-unsafe-io", ...names], {
    binds,
    archiveNames: new Map(packages.map(({ deb }, i) => [String(names[i]), deb.control.get("Package") ?? ""])),
    onLine: flow.onConfigureLine,
    signal: context.signal,
    guestEnv: epochEnvironment(context),
  });
}

/** A folder of its own each time, since stand-ins of an earlier one may be running. */
async function makeStubs({ installation, context }: Flow, paths: ReadonlySet<string>): Promise<BuildStubs> {
  const directory = await mkdtemp(join(context.workDirectory, "stubs-"));
  return writeStubs(installation.tree, directory, paths, context.signal);
}
