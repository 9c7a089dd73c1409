import { createHmac, randomBytes } from "node:crypto";
import type { DiskIds, Identity } from "../model/identity.ts";
import { assignMacs, planNetwork } from "../model/network.ts";
import { namesOfUuids } from "../model/placed-volume.ts";
import type { Plan } from "../model/plan.ts";
import type { Recipe } from "../model/recipe.ts";
import { type DiskPlan, partitionName } from "../model/storage-plan.ts";
import { run } from "../system/process.ts";
import { readCloudInit } from "./cloud-init.ts";
import { readCopies, readScripts } from "./machine-files.ts";
import { readSshKeys } from "./ssh-keys.ts";

/**
 * Reads what a recipe says of one machine: key files, passwords (hashed at once), new ids.
 *
 * @throws file-unreadable, recipe-invalid when a key file holds no public key
 */
export async function readIdentity(
  recipe: Recipe,
  disks: Pick<Plan, "disk" | "moreDisks">,
  signal: AbortSignal,
): Promise<Identity> {
  const chance = chanceOf(recipe);
  let macs = 0;
  const [rootSshKeys, userSshKeys, rootPasswordHash, passwordHash, firstBoot, firstLogin, copies, cloudInit] =
    await Promise.all([
      readSshKeys("ssh-key", recipe["ssh-key"]),
      readSshKeys("ssh-user-key", recipe["ssh-user-key"]),
      hashPassword(recipe.rootpass, chance("salt of root"), signal),
      hashPassword(recipe.pass, chance("salt of the user"), signal),
      readScripts("firstboot", recipe.firstboot),
      readScripts("firstlogin", recipe.firstlogin),
      readCopies(recipe.copy),
      readCloudInit(recipe),
    ]);
  const user =
    recipe.user === undefined
      ? undefined
      : {
          name: recipe.user,
          fullName: recipe.name ?? "",
          uid: recipe.uid,
          gid: recipe.gid,
          groups: recipe.groups,
          isLocked: recipe["lock-user"],
          passwordHash,
          sshKeys: userSshKeys,
        };
  return {
    hostname: recipe.hostname,
    user,
    rootPasswordHash,
    rootSshKeys,
    timezone: recipe.timezone,
    lang: recipe.lang,
    keymap: recipe.keymap,
    network: assignMacs(planNetwork(recipe), () => newMac(chance(`mac ${macs++}`))),
    firstBoot,
    firstLogin,
    copies,
    cloudInit,
    ...newMachineIds(disks, chance),
  };
}

/** Sixteen bytes for a purpose. */
export type Chance = (purpose: string) => Buffer;

const atRandom: Chance = () => randomBytes(16);

/** Random bytes; with a seed, those that follow from it, the host name and the purpose. */
function chanceOf({ "identity-seed": seed, hostname }: Recipe): Chance {
  if (seed === undefined) return atRandom;
  return (purpose) => createHmac("sha256", seed).update(`${hostname}\0${purpose}`).digest().subarray(0, 16);
}

/** A random hardware address of the range that qemu's own cards have. */
export function newMac(bytes: Buffer = randomBytes(3)): string {
  return ["52:54:00", ...(bytes.subarray(0, 3).toString("hex").match(/../g) ?? [])].join(":");
}

/** Fresh ids for the disks of a machine, random unless told otherwise. */
export function newMachineIds({ disk, moreDisks = [] }: Pick<Plan, "disk" | "moreDisks">, chance = atRandom) {
  const more = moreDisks.map((one, index) => newDiskIds(one, (purpose) => chance(`disk ${index + 2} ${purpose}`)));
  return { ids: newDiskIds(disk, chance), ...(more.length > 0 ? { moreIds: more } : {}) };
}

/** Fresh ids for a disk. */
export function newDiskIds(disk: DiskPlan, chance = atRandom): DiskIds {
  const uuid = (purpose: string) => uuidOf(chance(purpose));
  return {
    diskGuid: uuid("disk"),
    partitionGuids: Object.fromEntries(
      disk.partitions.map((one) => [partitionName(one), uuid(`partition ${partitionName(one)}`)]),
    ),
    rootUuid: uuid("root"),
    swapUuid: uuid("swap"),
    espSerial: chance("esp").toString("hex", 0, 4).toUpperCase(),
    volumeUuids: Object.fromEntries(namesOfUuids(disk).map((name) => [name, uuid(`volume ${name}`)])),
  };
}

/** A UUID of version 4, as random ones are. */
function uuidOf(bytes: Buffer): string {
  const hex = bytes.toString("hex");
  const variant = "89ab"[Number.parseInt(hex.charAt(16), 16) & 3];
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `4${hex.slice(13, 16)}`,
    `${variant}${hex.slice(17, 20)}`,
    hex.slice(20),
  ].join("-");
}

/** SHA-512 crypt through openssl, which reads the password from its standard input; it never stands in an argument. */
async function hashPassword(
  password: string | undefined,
  chance: Buffer,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (password === undefined) return undefined;
  const salt = chance.toString("base64").replaceAll("+", ".").slice(0, 16);
  const { stdout } = await run(["openssl", "passwd", "-6", "-salt", salt, "-stdin"], {
    signal,
    input: `${password}\n`,
  });
  return stdout.trim();
}
