import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { openCache } from "../core/cache.ts";
import { withContext } from "../core/work-directory.ts";
import type { EventSink } from "../model/events.ts";
import { newMac, newMachineIds } from "../stages/identity.ts";
import { findHypervisor } from "../stages/plan.ts";
import { readMachineRecord } from "../stages/record.ts";
import { findMachineBase } from "./clone.ts";
import { cloneNetwork } from "./clone-network.ts";
import { refuseExisting } from "./create.ts";
import { linkMachine } from "./link.ts";
import { MACHINE_FILES, type Machine } from "./machine.ts";
import { type SpecRequest, specOf } from "./machine-spec.ts";
import { ownKey } from "./own-key.ts";
import { formatSpec, type MachineStore, machineDirectory, readMachine, withMachineLock } from "./store.ts";

/** What to make a machine from, and how. */
export interface ImageMachineRequest extends SpecRequest {
  readonly name: string;
  /** A result folder of a build, or the folder of a machine. */
  readonly source: string;
  /** Default: the source's. */
  readonly hostname?: string | undefined;
  readonly memoryMb?: number | undefined;
  readonly cpus?: number | undefined;
  readonly cacheDirectory: string;
  readonly signal: AbortSignal;
  readonly emit: EventSink;
}

/**
 * Makes a machine as a build made one: with its accounts, keys and files, but ids and hardware addresses of its own, as a
 * clone has. root lets vmbuilder's own key in, too. It isn't started.
 *
 * @throws machine-exists, machine-invalid, base-missing, disk-full
 */
export async function createFromImage(store: MachineStore, request: ImageMachineRequest): Promise<Machine> {
  const { name, source, signal, emit } = request;
  const destination = machineDirectory(store, name);
  const [record, { publicKey }, cache] = await Promise.all([
    readMachineRecord(source),
    ownKey(store),
    openCache(request.cacheDirectory),
  ]);
  const { build, raw } = record;
  const { network, recipe: networkRecipe } = cloneNetwork(build.recipe, {}, newMac);
  const hostname = request.hostname ?? String(build.recipe.hostname);
  const size = { mem: request.memoryMb ?? build.recipe.mem, cpus: request.cpus ?? build.recipe.cpus };
  const recipe = { ...build.recipe, ...networkRecipe, ...size, hostname, dest: destination };
  await withMachineLock(store, name, signal, async () => {
    await refuseExisting(destination, name);
    await withContext(cache, signal, emit, async (context) => {
      const base = await findMachineBase(record, source, context);
      const rootSshKeys = [...new Set([...record.identity.rootSshKeys, publicKey])];
      const identity = { ...record.identity, rootSshKeys, network, hostname, ...newMachineIds(base.facts) };
      const { suite, architecture } = build.plan;
      const link = { base, identity, recipe, suite, architecture, hypervisors: [findHypervisor("kvm")] };
      await linkMachine(
        {
          ...{ ...link, destination, overwrite: false },
          record: { ...raw, recipe: { ...recipe, raw: [] }, clone: { of: source, base: build.base.key }, steps: [] },
          fill: (directory, machine) =>
            writeFile(join(directory, MACHINE_FILES.spec), formatSpec(specOf(machine, request))),
        },
        context,
      );
    });
  });
  return readMachine(store, name);
}
