import { stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { objectFile, openCache } from "../core/cache.ts";
import { type BuildContext, logLine } from "../core/context.ts";
import { withContext } from "../core/work-directory.ts";
import { VmbuilderError } from "../model/errors.ts";
import type { EventSink } from "../model/events.ts";
import { recipeSchema } from "../model/recipe.ts";
import { type BaseDisk, findBase } from "../stages/base-disk.ts";
import { checkDestination } from "../stages/destination.ts";
import { newMac, newMachineIds } from "../stages/identity.ts";
import { findHypervisor } from "../stages/plan.ts";
import { type MachineRecord, readMachineRecord } from "../stages/record.ts";
import { type CloneAddresses, cloneNetwork } from "./clone-network.ts";
import { linkMachine, type MachineBase, sharedBase } from "./link.ts";
import { findOwnBase } from "./own-clone.ts";

/** What to clone, and how. */
export interface CloneRequest {
  /** Result folder of the machine that is cloned. */
  readonly source: string;
  readonly hostname: string;
  /** Fixed addresses of the clone's own. */
  readonly addresses: CloneAddresses;
  readonly destination: string;
  readonly cacheDirectory: string;
  readonly overwrite: boolean;
  readonly signal: AbortSignal;
  readonly emit: EventSink;
}

/** A finished clone. */
export interface Clone {
  readonly directory: string;
  readonly hostname: string;
  readonly image: string;
}

/**
 * Makes a linked clone: a thin image over the base disk in the cache, with the machine's accounts and keys, but a host
 * name, hardware addresses and ids of its own; a fixed address isn't taken over, and a warning says so. What was done inside the machine since it was built isn't in it.
 *
 * The base is checked by its files' sizes only: reading all of it would take ten times as long as the clone itself, and
 * `vmbuilder cache verify` does so.
 *
 * @throws machine-invalid, base-missing, dest-exists, dest-foreign, recipe-invalid
 */
export async function cloneMachine(request: CloneRequest): Promise<Clone> {
  const { source, hostname, overwrite, signal, emit } = request;
  const destination = resolve(request.destination);
  const name = recipeSchema.shape.hostname.safeParse(hostname);
  if (!name.success)
    throw new VmbuilderError("recipe-invalid", `--hostname: "${hostname}" ${name.error.issues[0]?.message}`);
  for (const key of ["ip", "ip6"] as const) {
    const parsed = recipeSchema.shape[key].safeParse(request.addresses[key]);
    if (!parsed.success)
      throw new VmbuilderError("recipe-invalid", `--${key}: "${request.addresses[key]}" is no address`);
  }
  await checkDestination(destination, overwrite);
  const record = await readMachineRecord(resolve(source));
  const { network, recipe: networkRecipe, left } = cloneNetwork(record.build.recipe, request.addresses, newMac);
  const hypervisors = record.build.recipe.hypervisor.map(findHypervisor).filter(({ format }) => format === "qcow2");
  if (hypervisors.length === 0)
    throw new VmbuilderError("machine-invalid", `${source} is not for a hypervisor that reads qcow2, as a clone is`, {
      hint: "build it with --hypervisor kvm too",
    });
  const cache = await openCache(request.cacheDirectory);
  return withContext(cache, signal, emit, async (context) => {
    const base = await findMachineBase(record, source, context);
    if (left.length > 0)
      logLine(
        context,
        "deploy",
        "warning",
        `${left.join(" and ")} stays ${source}'s: give the clone --ip, or it asks DHCP`,
      );
    const identity = { ...record.identity, network, hostname, ...newMachineIds(base.facts) };
    const recipe = { ...record.build.recipe, ...networkRecipe, hostname, dest: destination };
    const { suite, architecture } = record.build.plan;
    const clone = { of: resolve(source), base: record.build.base.key };
    // its disks are files of its own, wherever those of the source were written
    const raw = { ...record.raw, recipe: { ...recipe, raw: [] }, clone, steps: [] };
    const link = { base, identity, recipe, suite, architecture, hypervisors, destination, overwrite, record: raw };
    const images = await linkMachine(link, context);
    return { directory: destination, hostname, image: join(destination, images[0] ?? "") };
  });
}

/**
 * Finds what a built machine's disks are made from.
 *
 * @throws base-missing; machine-invalid when it is encrypted
 */
export async function findMachineBase(
  record: MachineRecord,
  source: string,
  context: BuildContext,
): Promise<MachineBase> {
  const own = await findOwnBase(record, source, context);
  return own ?? sharedBase(await findIntactBase(record.build.base.key, source, context), context);
}

async function findIntactBase(
  key: string,
  source: string,
  context: Parameters<typeof findBase>[1],
): Promise<NonNullable<Awaited<ReturnType<typeof findBase>>> & BaseDisk> {
  const base = await findBase(key, context);
  const missing = (why: string) =>
    new VmbuilderError("base-missing", `the base of ${source} ${why}`, {
      hint: "build the machine again with the same --cache-dir, then clone it",
    });
  if (!base) throw missing(`is not in the cache ${context.cache.directory}`);
  for (const [name, { sizeBytes }] of Object.entries(base.object.meta.files)) {
    const size = await stat(objectFile(base.object, name)).then(
      (info) => info.size,
      () => -1,
    );
    if (size !== sizeBytes) throw missing("is damaged in the cache");
  }
  return base;
}
