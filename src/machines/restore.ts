import { randomBytes } from "node:crypto";
import { copyFile, open, realpath, rm, stat, writeFile } from "node:fs/promises";
import type { Socket } from "node:net";
import { join } from "node:path";
import { type CacheObject, findObject, objectFile, openCache } from "../core/cache.ts";
import { VmbuilderError } from "../model/errors.ts";
import { writeOverlay } from "../system/qcow2-overlay.ts";
import { connectIn, type Qmp } from "../system/qmp.ts";
import type { Accelerator } from "./accelerator.ts";
import { consoleTail } from "./console-log.ts";
import { type HostKey, makeHostKeys } from "./host-keys.ts";
import { UEFI_VARIABLES } from "./launch.ts";
import { addReference, pinImage } from "./link.ts";
import { MACHINE_FILES, type Machine } from "./machine.ts";
import { hostKeyScript, RENEWED, renewalScript } from "./renewal-script.ts";
import { migrationEnd, SNAPSHOT_FILES, type SnapshotFacts, setCapabilities } from "./snapshot-state.ts";
import { writeSpec } from "./store.ts";

/** A memory snapshot that a machine goes on from. */
export interface MemoryRestore {
  readonly memoryFile: string;
  readonly accelerator: Accelerator;
  /** Lets qemu read the state of its devices, and gives the machine that runs then its own identity. */
  load(qmp: Qmp): Promise<void>;
  /** Remembers that the machine is one of its own now. */
  finish(): Promise<void>;
}

const RENEWAL_DEADLINE_MS = 180_000; // a second, but for emulation on a host that is busy otherwise

/**
 * Prepares the first start of a machine that goes on from a memory snapshot: its disks are made anew, since an earlier attempt
 * that was cut short may have left them half renewed. Undefined for all other machines and starts.
 *
 * @throws base-missing
 */
export async function prepareRestore(machine: Machine): Promise<MemoryRestore | undefined> {
  const { snapshot } = machine;
  if (snapshot === undefined || snapshot.isRenewed) return undefined;
  const object = await findObject(await openCache(snapshot.cacheDirectory), "memory", snapshot.key);
  if (!object)
    throw new VmbuilderError("base-missing", `the memory snapshot of ${machine.name} has gone from the cache`, {
      hint: `remove the machine and make it again: vmbuilder rm ${machine.name}`,
    });
  const facts = object.meta.facts as SnapshotFacts;
  const hostKeys = makeHostKeys(`root@${shortName(machine)}`);
  hostKeys.catch(() => {}); // said when they are wanted
  await linkToSnapshot(machine.directory, object, facts);
  const directory = await realpath(machine.directory);
  return {
    memoryFile: objectFile(object, SNAPSHOT_FILES.memory),
    accelerator: facts.accelerator,
    load: async (qmp) => {
      const renewal = await connectIn(directory, MACHINE_FILES.renewal);
      try {
        await setCapabilities(qmp);
        const devices = objectFile(object, SNAPSHOT_FILES.devices);
        await qmp.execute("migrate-incoming", { uri: `exec:cat '${devices.replaceAll("'", "'\\''")}'` });
        await migrationEnd(qmp);
        await qmp.execute("cont"); // it was stopped when it was saved
        await renew(machine, facts, hostKeys, renewal);
      } finally {
        renewal.destroy();
      }
    },
    finish: () => writeSpec({ ...machine, snapshot: { ...snapshot, isRenewed: true } }),
  };
}

/** Makes thin images over a snapshot's disks, and copies what is small. */
export async function linkToSnapshot(directory: string, object: CacheObject, facts: SnapshotFacts): Promise<void> {
  for (const disk of facts.machine.disks) {
    const path = join(directory, disk);
    await rm(path, { force: true });
    const base = await pinImage({ path: objectFile(object, disk), format: "qcow2" }, object);
    await writeOverlay(base, path, await virtualSize(base.path));
    await addReference(object.directory, path);
  }
  const variables = objectFile(object, UEFI_VARIABLES);
  if (await stat(variables).catch(() => undefined)) await copyFile(variables, join(directory, UEFI_VARIABLES));
}

/** @see https://www.qemu.org/docs/master/interop/qcow2.html */
async function virtualSize(image: string): Promise<number> {
  const file = await open(image, "r");
  try {
    const { buffer } = await file.read(Buffer.alloc(8), 0, 8, 24);
    return Number(buffer.readBigUInt64BE());
  } finally {
    await file.close();
  }
}

/** Tells the shell that waits inside what the machine is from now on, and waits until it is so. */
async function renew(
  machine: Machine,
  facts: SnapshotFacts,
  hostKeys: Promise<readonly HostKey[]>,
  renewal: Socket,
): Promise<void> {
  renewal.write(
    renewalScript({
      hostname: shortName(machine),
      fullName: machine.hostname,
      machineId: randomBytes(16).toString("hex"),
      macs: machine.cards.flatMap(({ mac }, index) => {
        const before = facts.machine.cards[index]?.mac ?? defaultMac(index);
        return mac === undefined ? [] : [{ before, now: mac }];
      }),
      epochSeconds: Math.ceil(Date.now() / 1000),
      seed: randomBytes(64).toString("base64"),
    }),
  );
  const keys = await hostKeys;
  const known = keys.map(({ publicKey }) => `${machine.name} ${publicKey.split(" ").slice(0, 2).join(" ")}\n`);
  await writeFile(join(machine.directory, MACHINE_FILES.knownHosts), known.join(""));
  renewal.write(hostKeyScript(keys));
  const said = await untilRenewed(renewal);
  if (said.done) return;
  throw new VmbuilderError("machine-failed", `${machine.name} did not take its own identity after the restore`, {
    hint: "try again, or leave --fast out",
    detail: `${said.text}\n${await consoleTail(machine)}`,
  });
}

function shortName({ hostname }: Machine): string {
  return hostname.split(".")[0] ?? hostname;
}

/** What qemu gives a card that nobody gave an address. */
function defaultMac(index: number): string {
  return `52:54:00:12:34:${(0x56 + index).toString(16)}`;
}

function untilRenewed(renewal: Socket): Promise<{ done: boolean; text: string }> {
  return new Promise((resolve) => {
    let text = "";
    const finish = (done: boolean) => {
      clearTimeout(timer);
      resolve({ done, text });
    };
    const timer = setTimeout(() => finish(false), RENEWAL_DEADLINE_MS);
    renewal.on("data", (data) => {
      text += data.toString();
      if (text.includes(`${RENEWED}\n`)) finish(true);
    });
    renewal.on("close", () => finish(false));
    renewal.on("error", () => finish(false));
  });
}
