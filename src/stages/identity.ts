import { randomBytes, randomUUID } from "node:crypto";
import { createReadStream } from "node:fs";
import { text } from "node:stream/consumers";
import { VmbuilderError } from "../model/errors.ts";
import type { DiskIds, Identity } from "../model/identity.ts";
import { assignMacs, planNetwork } from "../model/network.ts";
import { namesOfUuids } from "../model/placed-volume.ts";
import type { Plan } from "../model/plan.ts";
import { isSshKeyLine, type Recipe } from "../model/recipe.ts";
import { type DiskPlan, partitionName } from "../model/storage-plan.ts";
import { run } from "../system/process.ts";
import { readCloudInit } from "./cloud-init.ts";
import { readCopies, readScripts } from "./machine-files.ts";

/** No key file is larger; devices are. */
const KEY_FILE_BYTES = 1024 * 1024;

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
  const [rootSshKeys, userSshKeys, rootPasswordHash, passwordHash, firstBoot, firstLogin, copies, cloudInit] =
    await Promise.all([
      readSshKeys("ssh-key", recipe["ssh-key"]),
      readSshKeys("ssh-user-key", recipe["ssh-user-key"]),
      hashPassword(recipe.rootpass, signal),
      hashPassword(recipe.pass, signal),
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
    network: assignMacs(planNetwork(recipe), newMac),
    firstBoot,
    firstLogin,
    copies,
    cloudInit,
    ...newMachineIds(disks),
  };
}

/** A random hardware address of the range that qemu's own cards have. */
export function newMac(): string {
  return ["52:54:00", ...(randomBytes(3).toString("hex").match(/../g) ?? [])].join(":");
}

/** Fresh random ids for the disks of a machine. */
export function newMachineIds({ disk, moreDisks = [] }: Pick<Plan, "disk" | "moreDisks">) {
  return { ids: newDiskIds(disk), ...(moreDisks.length > 0 ? { moreIds: moreDisks.map(newDiskIds) } : {}) };
}

/** Fresh random ids for a disk. */
export function newDiskIds(disk: DiskPlan): DiskIds {
  return {
    diskGuid: randomUUID(),
    partitionGuids: Object.fromEntries(disk.partitions.map((one) => [partitionName(one), randomUUID()])),
    rootUuid: randomUUID(),
    swapUuid: randomUUID(),
    espSerial: randomBytes(4).toString("hex").toUpperCase(),
    volumeUuids: Object.fromEntries(namesOfUuids(disk).map((name) => [name, randomUUID()])),
  };
}

async function readSshKeys(option: string, paths: readonly string[]): Promise<string[]> {
  const keys: string[] = [];
  for (const path of paths) {
    const content = await text(createReadStream(path, { end: KEY_FILE_BYTES })).catch((cause: unknown) => {
      throw new VmbuilderError("file-unreadable", `${option}: cannot read ${path}`, {
        hint: "give a public key file, such as ~/.ssh/id_ed25519.pub",
        cause,
      });
    });
    const lines = content
      .split("\n")
      .map((line) => line.trim())
      .filter((line) => line !== "" && !line.startsWith("#"));
    if (/PRIVATE KEY/.test(content))
      throw new VmbuilderError("recipe-invalid", `${option}: ${path} is a private key`, {
        hint: `give the public one: ${path}.pub`,
      });
    if (content.length > KEY_FILE_BYTES || lines.length === 0 || !lines.every(isSshKeyLine))
      throw new VmbuilderError("recipe-invalid", `${option}: ${path} holds no ssh public key`, {
        hint: "give a file whose lines begin with ssh-ed25519, ssh-rsa, …",
      });
    keys.push(...lines);
  }
  return keys;
}

/** SHA-512 crypt through openssl, which reads the password from its standard input; it never stands in an argument. */
async function hashPassword(password: string | undefined, signal: AbortSignal): Promise<string | undefined> {
  if (password === undefined) return undefined;
  const { stdout } = await run(["openssl", "passwd", "-6", "-stdin"], { signal, input: `${password}\n` });
  return stdout.trim();
}
