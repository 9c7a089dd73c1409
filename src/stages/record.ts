import { join } from "node:path";
import * as z from "zod";
import { ARCHITECTURES } from "../model/architecture.ts";
import { VmbuilderError } from "../model/errors.ts";
import { isGuestPath } from "../model/file-edit.ts";
import type { Identity } from "../model/identity.ts";
import { recipeSchema } from "../model/recipe.ts";
import { readSmallFile } from "../system/files.ts";
import { BUILD_RECORD } from "./destination.ts";

/** Version of the form of build.json. */
export const RECORD_VERSION = 1;

/** Name of the file that holds what must not be read by everybody: password hashes. Clones are made from it. */
export const IDENTITY_RECORD = ".identity.json";

const NETWORK_KEYS = {
  ip: true,
  mask: true,
  net: true,
  bcast: true,
  gw: true,
  ip6: true,
  gw6: true,
  dns: true,
  mac: true,
  bridge: true,
  network: true,
  domain: true,
  interfaces: true,
} as const;

/** What a clone needs of the record that a build leaves. */
const buildRecordSchema = z.object({
  vmbuilder: z.literal(RECORD_VERSION),
  recipe: z.looseObject({
    hypervisor: z.array(z.string()),
    mem: z.number(),
    cpus: z.number(),
    ...recipeSchema.pick(NETWORK_KEYS).shape,
    firmware: recipeSchema.shape.firmware,
    distro: recipeSchema.shape.distro,
    "luks-pass": z.string().optional(),
  }),
  plan: z.object({ suite: z.string(), architecture: z.enum(ARCHITECTURES) }),
  disks: z.array(z.array(z.object({ name: z.string().regex(/^[^\n\0]+$/) }))).optional(),
  base: z.object({ key: z.string().regex(/^[0-9a-f]{64}$/) }),
});

/** Far more than the record of a machine with every package there is. */
const LARGEST_RECORD_BYTES = 64 * 1024 * 1024;

const line = z.string().regex(/^[^\n\0]*$/);
const field = z.string().regex(/^[^:\n\0]*$/);

const scriptSchema = z.object({ name: z.string().regex(/^[A-Za-z0-9._-]+$/), content: z.string() });
const copySchema = z.object({
  path: z.string().refine(isGuestPath),
  mode: z.int().min(0).max(0o7777),
  owner: field,
  group: field.optional(),
  base64: z.base64(),
});

/** Ids and a fixed address are made anew for each machine; the rest of an identity is kept. */
const identityRecordSchema = z.object({
  user: z
    .object({
      name: recipeSchema.shape.user.unwrap(),
      fullName: field,
      uid: recipeSchema.shape.uid,
      gid: recipeSchema.shape.gid,
      groups: z.array(field).default([]),
      isLocked: z.boolean().default(false),
      passwordHash: field.optional(),
      sshKeys: z.array(line),
    })
    .optional(),
  rootPasswordHash: field.optional(),
  rootSshKeys: z.array(line),
  timezone: line.optional(),
  lang: line.optional(),
  keymap: recipeSchema.shape.keymap,
  firstBoot: z.array(scriptSchema).default([]),
  firstLogin: z.array(scriptSchema).default([]),
  copies: z.array(copySchema).default([]),
  cloudInit: z
    .object({ userData: z.string(), metaData: z.string().optional(), networkConfig: z.string().optional() })
    .optional(),
});

/** A built machine, as its folder describes it. */
export interface MachineRecord {
  readonly build: z.output<typeof buildRecordSchema>;
  readonly identity: Omit<Identity, "hostname" | "ids" | "network">;
  /** The whole of build.json. */
  readonly raw: Record<string, unknown>;
}

/**
 * Reads and checks the records of a result folder.
 *
 * @throws machine-invalid
 */
export async function readMachineRecord(directory: string): Promise<MachineRecord> {
  const raw = await readJson(directory, BUILD_RECORD);
  const build = buildRecordSchema.safeParse(raw);
  const identity = identityRecordSchema.safeParse(await readJson(directory, IDENTITY_RECORD));
  if (!build.success || !identity.success) {
    const cause = build.error ?? identity.error;
    throw new VmbuilderError("machine-invalid", `${directory} holds no machine that this version can read`, {
      hint: "build it again",
      cause,
    });
  }
  const { user, rootPasswordHash, timezone, lang, keymap, cloudInit, ...lists } = identity.data;
  return {
    build: build.data,
    identity: {
      user: user && { ...user, passwordHash: user.passwordHash },
      rootPasswordHash,
      timezone,
      lang,
      keymap,
      cloudInit,
      ...lists,
    },
    raw: raw as Record<string, unknown>,
  };
}

async function readJson(directory: string, name: string): Promise<unknown> {
  const path = join(directory, name);
  const text = await readSmallFile(path, LARGEST_RECORD_BYTES).catch((cause: unknown) => {
    throw new VmbuilderError("machine-invalid", `${directory} is no machine: ${path} cannot be read`, {
      hint: "give the folder that vmbuilder build made",
      cause,
    });
  });
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new VmbuilderError("machine-invalid", `${path} is damaged`, { hint: "build the machine again", cause });
  }
}
