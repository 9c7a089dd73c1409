import type { PartitionRole } from "./storage-plan.ts";

/** What makes one machine differ from another with the same packages. All of it is plain files and ids. */
export interface Identity {
  readonly hostname: string;
  readonly user: IdentityUser | undefined;
  /** Crypt(3) hash, or undefined for a locked password. */
  readonly rootPasswordHash: string | undefined;
  readonly rootSshKeys: readonly string[];
  readonly timezone: string | undefined;
  readonly lang: string | undefined;
  readonly ids: DiskIds;
}

/** The first user; gets sudo. */
export interface IdentityUser {
  readonly name: string;
  readonly fullName: string;
  readonly passwordHash: string | undefined;
  readonly sshKeys: readonly string[];
}

/** Identifiers of a disk and what is on it. */
export interface DiskIds {
  readonly diskGuid: string;
  readonly partitionGuids: Readonly<Partial<Record<PartitionRole, string>>>;
  readonly rootUuid: string;
  readonly swapUuid: string;
  /** FAT serial number, eight hexadecimal digits. */
  readonly espSerial: string;
}
