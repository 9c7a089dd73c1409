import { chmod, readFile, realpath, rm, stat } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { type CacheObject, commitObject, findObject, objectDirectory, withObjectLock } from "../core/cache.ts";
import { type BuildContext, runStep } from "../core/context.ts";
import { stepKey } from "../core/step-key.ts";
import { type Architecture, PROCESSOR_NAMES } from "../model/architecture.ts";
import { VmbuilderError } from "../model/errors.ts";
import type { Identity } from "../model/identity.ts";
import type { Plan } from "../model/plan.ts";
import { type BaseDisk, identifyDisks } from "../stages/base-disk.ts";
import { findDistro } from "../stages/plan.ts";
import { killLasting } from "../system/lasting-process.ts";
import { cleanEnvironment } from "../system/process.ts";
import { connectIn, connectQmp, type Qmp } from "../system/qmp.ts";
import { type Accelerator, chooseAccelerator } from "./accelerator.ts";
import { consoleTail } from "./console-log.ts";
import { execInMachine } from "./exec.ts";
import { launchQemu } from "./launch.ts";
import { addReference, pinImage } from "./link.ts";
import { MACHINE_FILES, type Machine, type MachineSpec } from "./machine.ts";
import { forwardPorts } from "./port-forwards.ts";
import { QEMU_PREFIX, RENEWAL_PORT } from "./qemu-command.ts";
import { migrationEnd, SNAPSHOT_FILES, type SnapshotFacts, setCapabilities } from "./snapshot-state.ts";
import { waitForSsh } from "./ssh.ts";
import type { MachineStore } from "./store.ts";

const STEP_VERSION = 2;

/** What a memory snapshot is made from. */
export interface SnapshotRequest {
  readonly store: MachineStore;
  readonly plan: Plan;
  readonly identity: Identity;
  readonly base: BaseDisk & { readonly object: CacheObject };
  /** The machine that is booted; its disks don't exist yet. */
  readonly machine: MachineSpec;
}

/**
 * Finds the memory snapshot of a recipe's machine, or boots one and takes it. It is of that machine with all its packages,
 * accounts and settings, on this host's qemu and processor, before anybody used it.
 *
 * @throws recipe-invalid when the machine has first-boot scripts, which each must run itself; machine-failed, machine-late
 */
export async function obtainSnapshot(request: SnapshotRequest, context: BuildContext): Promise<CacheObject> {
  refuseFirstBoots(request.identity);
  const { plan, base, machine } = request;
  const accelerator = await chooseAccelerator(machine.architecture);
  const { hostname: _, dest: __, tests: ___, ...recipe } = plan.recipe;
  const {
    ids: _ids,
    moreIds: _more,
    hostname: _name,
    network: _network,
    rootPasswordHash: _hash,
    user,
    ...rest
  } = request.identity;
  const key = stepKey("memory", STEP_VERSION, {
    ...{ base: base.key, recipe, rest, user: { ...user, passwordHash: undefined } },
    ...{ accelerator, emulator: await emulatorMark(machine.architecture), processor: await processorMark(accelerator) },
  });
  const find = () => findObject(context.cache, "memory", key);
  return (
    (await find()) ??
    withObjectLock(
      context.cache,
      "memory",
      key,
      context.signal,
      async () => (await find()) ?? take(request, accelerator, key, context),
    )
  );
}

/** What each machine must run itself, with secrets of its own, so that it can't go on from another's memory. */
export function firstBootsOf({ firstBoot, cloudInit }: Identity): string | undefined {
  return firstBoot.length > 0 ? "first-boot scripts" : cloudInit ? "settings for cloud-init" : undefined;
}

function refuseFirstBoots(identity: Identity): void {
  const what = firstBootsOf(identity);
  if (what === undefined) return;
  throw new VmbuilderError(
    "recipe-invalid",
    `a fast start would skip the ${what}: they ran once, for all such machines`,
    {
      hint: "leave --fast out",
    },
  );
}

function take(
  request: SnapshotRequest,
  accelerator: Accelerator,
  key: string,
  context: BuildContext,
): Promise<CacheObject> {
  const { base, plan, identity, store } = request;
  const { signal } = context;
  const title = `${plan.recipe.distro} ${plan.suite} ${plan.architecture}, booted, ${plan.recipe.mem} MB`;
  return runStep(context, "deploy/memory", "Boot once, for all that start fast", () =>
    commitObject(context.cache, "memory", key, title, async (directory) => {
      const machine: Machine = { ...request.machine, name: "snapshot", directory: await realpath(directory) };
      const disks = await Promise.all(base.disks.map((disk) => pinImage(disk, base.object)));
      const images = machine.disks.map((disk) => join(directory, disk));
      await identifyDisks(findDistro(base.facts.distro), { ...base, disks }, identity, images, now(), context);
      const memoryFile = { path: SNAPSHOT_FILES.memory, isShared: true };
      const qemu = await launchQemu(machine, { accelerator, memoryFile }, true);
      try {
        const begun = { ...qemu, hostBoot: "", startedAt: "", accelerator, forwards: [] };
        const work = async () => {
          const qmp = await connectQmp(directory, MACHINE_FILES.qmp);
          try {
            const renewal = await connectIn(directory, MACHINE_FILES.renewal);
            const run = { ...begun, ...(await forwardPorts(machine, qmp, undefined)) };
            const running = { process: qemu, run };
            await waitForSsh(machine, running, { signal });
            const { status, stderr } = await execInMachine(store, machine, running, ["sh", "-c", PREPARE], { signal });
            if (status !== 0)
              throw new VmbuilderError("machine-failed", "the machine could not be prepared for its snapshot", {
                detail: `${stderr}\n${await consoleTail(machine)}`,
              });
            await saveState(qmp, signal);
            renewal.destroy();
          } finally {
            qmp.close();
          }
        };
        await Promise.race([work(), qemu.failed]);
      } finally {
        await killLasting(qemu);
      }
      for (const name of Object.values(MACHINE_FILES)) await rm(join(directory, name), { force: true });
      for (const name of [SNAPSHOT_FILES.memory, SNAPSHOT_FILES.devices]) await chmod(join(directory, name), 0o600);
      const final = objectDirectory(context.cache, "memory", key);
      for (const disk of machine.disks) await addReference(base.object.directory, join(final, disk));
      return { machine: request.machine, accelerator } satisfies SnapshotFacts;
    }),
  );
}

/**
 * Waits for the end of the boot, leaves a shell that waits at the port for the machine's renewal, and writes everything to the
 * disk. The shell is a service, so that it outlives this login. The programs that it will start are in memory by then.
 */
const PREPARE = `set -e
systemctl is-system-running --wait >/dev/null || true
port=/dev/virtio-ports/${RENEWAL_PORT}
for tool in date ip mv ln head sleep rm; do $tool --version; done >/dev/null 2>&1 || true
systemd-run --quiet --collect --unit=vmbuilder-renewal --property=StandardInput=file:$port --property=StandardOutput=file:$port /bin/sh
journalctl --flush --sync >/dev/null 2>&1 || true
sync`;

/** Writes the state of the devices to a file; the memory is one already. */
async function saveState(qmp: Qmp, signal: AbortSignal): Promise<void> {
  await qmp.execute("stop");
  await setCapabilities(qmp);
  await qmp.execute("migrate", { uri: `exec:cat >${SNAPSHOT_FILES.devices}` });
  await migrationEnd(qmp, signal);
  await qmp.execute("quit").catch(() => {}); // it may go before it answers
}

/** Tells one build of the emulator from another; asking it for its version costs more. */
async function emulatorMark(architecture: Architecture): Promise<string> {
  const program = `${QEMU_PREFIX}${PROCESSOR_NAMES[architecture]}`;
  for (const folder of (cleanEnvironment().PATH ?? "").split(delimiter)) {
    const found = await stat(join(folder, program)).catch(() => undefined);
    if (found) return `${program} ${found.size} ${found.mtimeMs}`;
  }
  throw new VmbuilderError("command-missing", `${program} is not installed`, { hint: "run: vmbuilder doctor" });
}

/** With KVM a machine has seen what the processor can do. */
async function processorMark(accelerator: Accelerator): Promise<string> {
  if (accelerator === "tcg") return "";
  const text = await readFile("/proc/cpuinfo", "utf8");
  return (/^(model name|CPU part)\s*:.*$/m.exec(text)?.[0] ?? "") + (/^(flags|Features)\s*:.*$/m.exec(text)?.[0] ?? "");
}

function now(): number {
  return Math.floor(Date.now() / 1000);
}
