import { parse } from "yaml";
import * as z from "zod";
import { hasEnded, JOB_STATES, type Job } from "../jobs/job.ts";
import type { ServerContext } from "../server-context.ts";
import type { Image } from "../store/images.ts";
import type { Profile } from "../store/profiles.ts";
import { ROLES, type User, usageOf } from "../store/users.ts";

const time = z.iso.datetime();
const count = z.int().min(0);
export const PRIORITIES = { low: -10, normal: 0, high: 10 } as const;
const priority = z.enum(["low", "normal", "high"]);

export const quotaSchema = z.object({ diskBytes: count, activeBuilds: count, images: count, machines: count });
export const userSchema = z
  .object({
    name: z.string(),
    role: z.enum(ROLES),
    isDisabled: z.boolean(),
    hasPassword: z.boolean(),
    oidc: z.enum(["linked", "awaited"]).nullable(),
    createdAt: time,
    lastSeenAt: time.nullable(),
    quota: quotaSchema,
    usage: quotaSchema,
  })
  .meta({ id: "User" });

export const progressSchema = z
  .object({
    fraction: z.number().min(0).max(1),
    step: z.string(),
    title: z.string(),
    done: z.number().nullable(),
    total: z.number().nullable(),
    unit: z.enum(["bytes", "packages", "items"]).nullable(),
    perSecond: z.number().nullable(),
    secondsLeft: z.number().nullable(),
  })
  .meta({ id: "Progress" });

export const buildSchema = z
  .object({
    id: z.string(),
    owner: z.string(),
    name: z.string(),
    state: z.enum(JOB_STATES),
    priority,
    isShared: z.boolean(),
    distro: z.string(),
    suite: z.string().nullable(),
    hypervisors: z.array(z.string()),
    createdAt: time,
    startedAt: time.nullable(),
    finishedAt: time.nullable(),
    seconds: z.number().nullable(),
    attempts: count,
    retryOf: z.string().nullable(),
    position: z.int().nullable(),
    progress: progressSchema.nullable(),
    steps: z.array(
      z.object({
        step: z.string(),
        title: z.string(),
        state: z.enum(["running", "done", "cached", "failed"]),
        seconds: z.number().nullable(),
      }),
    ),
    error: z
      .object({ code: z.string(), message: z.string(), hint: z.string().nullable(), detail: z.string().nullable() })
      .nullable(),
    imageId: z.string().nullable(),
    can: z.object({ cancel: z.boolean(), retry: z.boolean(), remove: z.boolean(), edit: z.boolean() }),
  })
  .meta({ id: "Build" });

const fileSchema = z.object({
  name: z.string(),
  sizeBytes: count,
  sha256: z.string(),
  format: z.string().nullable(),
  url: z.string(),
});
export const imageSchema = z
  .object({
    id: z.string(),
    owner: z.string(),
    name: z.string(),
    buildId: z.string(),
    createdAt: time,
    isShared: z.boolean(),
    distro: z.string(),
    suite: z.string(),
    architecture: z.string(),
    hypervisors: z.array(z.string()),
    sizeBytes: count,
    files: z.array(fileSchema),
    removedAt: time.nullable(),
    purgeAt: time.nullable(),
    can: z.object({ edit: z.boolean(), remove: z.boolean() }),
  })
  .meta({ id: "Image" });
export const sharedSchema = z.object({ name: z.string(), expiresAt: time, files: z.array(fileSchema) });

export const profileSchema = z
  .object({
    id: z.string(),
    owner: z.string(),
    name: z.string(),
    isShared: z.boolean(),
    recipe: z.record(z.string(), z.unknown()),
    yaml: z.string(),
    createdAt: time,
    changedAt: time,
    can: z.object({ edit: z.boolean() }),
  })
  .meta({ id: "Profile" });

/** Milliseconds as people and programs read them. */
export function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}

const isoOrNull = (ms: number | null) => (ms === null ? null : isoTime(ms));

/** A user, without what only the server may know. */
export function showUser(user: User, { database }: Pick<ServerContext, "database">): z.output<typeof userSchema> {
  return {
    name: user.name,
    role: user.role,
    isDisabled: user.isDisabled,
    hasPassword: user.password !== null,
    oidc: user.oidc !== null ? "linked" : user.awaitsOidc ? "awaited" : null,
    createdAt: isoTime(user.createdAt),
    lastSeenAt: isoOrNull(user.seenAt),
    quota: user.quota,
    usage: usageOf(database, user.name),
  };
}

/** Whether somebody may change a thing. */
export function mayEdit({ owner }: { owner: string }, user: User): boolean {
  return user.role === "admin" || (user.role === "builder" && owner === user.name);
}

/** Whether somebody may see a thing. */
export function maySee({ owner, isShared }: { owner: string; isShared: boolean }, user: User): boolean {
  return isShared || owner === user.name || user.role === "admin";
}

/** A build, as somebody sees it. */
export function showBuild(job: Job, user: User, position: number | undefined): z.output<typeof buildSchema> {
  const { recipe } = job.request;
  const isOwn = mayEdit(job, user);
  const ended = hasEnded(job);
  return {
    id: job.id,
    owner: job.owner,
    name: job.name,
    state: job.state,
    priority: job.priority < 0 ? "low" : job.priority > 0 ? "high" : "normal",
    isShared: job.isShared,
    distro: typeof recipe.distro === "string" ? recipe.distro : "debian",
    suite: typeof recipe.suite === "string" ? recipe.suite : null,
    hypervisors: recipe.hypervisor === undefined ? ["kvm"] : [recipe.hypervisor].flat().map(String),
    createdAt: isoTime(job.createdAt),
    startedAt: isoOrNull(job.startedAt),
    finishedAt: isoOrNull(job.finishedAt),
    seconds: job.startedAt !== null && job.finishedAt !== null ? (job.finishedAt - job.startedAt) / 1000 : null,
    attempts: job.attempts,
    retryOf: job.retryOf,
    position: position ?? null,
    progress: job.progress,
    steps: [...job.steps],
    error: job.error,
    imageId: job.imageId,
    can: {
      cancel: isOwn && !ended && job.state !== "cancelling",
      retry: isOwn && ended,
      remove: isOwn && ended,
      edit: isOwn,
    },
  };
}

/** An image, as somebody sees it. */
export function showImage(image: Image, user: User, server: ServerContext): z.output<typeof imageSchema> {
  const { distro, suite, architecture, hypervisors } = image.facts;
  const canEdit = mayEdit(image, user);
  return {
    ...{ id: image.id, owner: image.owner, name: image.name, buildId: image.jobId, isShared: image.isShared },
    createdAt: isoTime(image.createdAt),
    ...{ distro, suite, architecture, hypervisors: [...hypervisors], sizeBytes: image.sizeBytes },
    files: showFiles(image, `${apiPath(server)}images/${image.id}/files/`),
    removedAt: isoOrNull(image.removedAt),
    purgeAt: isoOrNull(image.purgeAt),
    can: { edit: canEdit, remove: canEdit },
  };
}

/** The files of an image, with their addresses below a folder. */
export function showFiles({ files }: Image, folder: string): z.output<typeof fileSchema>[] {
  return files.map((file) => ({ ...file, url: `${folder}${encodeURIComponent(file.name)}` }));
}

/** A profile, as somebody sees it. */
export function showProfile(profile: Profile, user: User): z.output<typeof profileSchema> {
  const { id, owner, name, isShared, recipe } = profile;
  return {
    ...{ id, owner, name, isShared, yaml: recipe, recipe: (parse(recipe) ?? {}) as Record<string, unknown> },
    createdAt: isoTime(profile.createdAt),
    changedAt: isoTime(profile.changedAt),
    can: { edit: mayEdit(profile, user) },
  };
}

/** Path of the API on this server. */
export function apiPath({ settings }: Pick<ServerContext, "settings">): string {
  return `${settings.basePath}api/`;
}
