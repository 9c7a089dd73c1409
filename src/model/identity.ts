import type { NetworkPlan } from "./network.ts";

/** What makes one machine differ from another with the same packages. All of it is plain files and ids. */
export interface Identity {
  readonly hostname: string;
  readonly user: IdentityUser | undefined;
  /** Crypt(3) hash, or undefined for a locked password. */
  readonly rootPasswordHash: string | undefined;
  readonly rootSshKeys: readonly string[];
  readonly timezone: string | undefined;
  readonly lang: string | undefined;
  readonly keymap: string | undefined;
  readonly network: NetworkPlan;
  readonly firstBoot: readonly MachineScript[];
  readonly firstLogin: readonly MachineScript[];
  readonly copies: readonly CopiedFile[];
  readonly cloudInit: CloudInit | undefined;
  /** Of the disk that the machine boots from. */
  readonly ids: DiskIds;
  /** Of its further disks, if it has any. */
  readonly moreIds?: readonly DiskIds[];
}

/** What cloud-init finds in the machine: the texts of its files. */
export interface CloudInit {
  readonly userData: string;
  readonly metaData?: string | undefined;
  readonly networkConfig?: string | undefined;
}

/** A script that the machine runs. */
export interface MachineScript {
  readonly name: string;
  readonly content: string;
}

/** A file that is copied into the machine. */
export interface CopiedFile {
  readonly path: string;
  readonly mode: number;
  /** Name or number; without a group, the group of the same number. */
  readonly owner: string;
  readonly group?: string | undefined;
  readonly base64: string;
}

/** The first user; gets sudo. */
export interface IdentityUser {
  readonly name: string;
  readonly fullName: string;
  readonly uid?: number | undefined;
  readonly gid?: number | undefined;
  /** Groups beside the usual ones; what the system lacks is made. */
  readonly groups: readonly string[];
  /** Neither password nor key lets a locked user in. */
  readonly isLocked: boolean;
  readonly passwordHash: string | undefined;
  readonly sshKeys: readonly string[];
}

/** Identifiers of a disk and what is on it. */
export interface DiskIds {
  readonly diskGuid: string;
  /** By the names that `partitionName` gives. */
  readonly partitionGuids: Readonly<Partial<Record<string, string>>>;
  readonly rootUuid: string;
  readonly swapUuid: string;
  /** FAT serial number, eight hexadecimal digits. */
  readonly espSerial: string;
  /** Of all other volumes, by their names; see `namesOfUuids`. */
  readonly volumeUuids?: Readonly<Record<string, string>>;
}
