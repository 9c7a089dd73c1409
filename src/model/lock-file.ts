import * as z from "zod";
import { ARCHITECTURES } from "./architecture.ts";
import { VmbuilderError } from "./errors.ts";
import { type AptSource, type Lock, type PackageRef, sourceIdentity } from "./package.ts";
import type { LocalDeb, Plan } from "./plan.ts";

/** Raised when the form of a lock file changes. */
const LOCK_FILE_VERSION = 2;

/** Comes before the name of a package file that a recipe has on its host. */
export const LOCAL = "file:";

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const url = z.string().regex(/^(https?|file):\S+$/);
const bytes = z.int().min(0);
/** Of a list in a deb822 file, where a line end would begin another field. */
const line = z.string().regex(/^[^\n\0]*$/);

const requestSchema = z.strictObject({
  distro: line,
  suite: line,
  arch: z.enum(ARCHITECTURES),
  priorities: z.array(line),
  include: z.array(line),
  exclude: z.array(line),
  components: z.array(line),
  repositories: z.array(line).default([]),
  debs: z.array(line).default([]),
  mirror: line.optional(),
  "security-mirror": line.optional(),
});

/** What of a recipe decides which packages are chosen. */
type LockRequest = z.output<typeof requestSchema>;

const packageSchema = z.strictObject({
  name: z.string().regex(/^[a-z0-9][a-z0-9+.-]*$/),
  version: z.string().regex(/^[A-Za-z0-9.+~:-]+$/),
  arch: z.string().regex(/^[a-z0-9-]+$/),
  sha256,
  size: bytes,
  url,
  manual: z.boolean().default(false),
  priority: line.default("optional"),
  essential: z.boolean().default(false),
  library: z.boolean().default(false),
  installed: bytes.default(0),
  preDepends: line.default(""),
  depends: line.default(""),
  provides: line.default(""),
});

const sourceSchema = z.strictObject({
  uri: url,
  suites: z.array(line),
  components: z.array(line),
  name: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/)
    .optional(),
  fingerprints: z.array(line).optional(),
  keys: z.base64().optional(),
  trusted: z.literal(true).optional(),
  checkValidUntil: z.literal(false).optional(),
});

const lockFileSchema = z.strictObject({
  "vmbuilder-lock": z.literal(LOCK_FILE_VERSION),
  request: requestSchema,
  releases: z.array(z.strictObject({ url, sha256, date: z.iso.datetime() })).min(1),
  sources: z.array(sourceSchema),
  packages: z.array(packageSchema).min(1),
});

/** The text of a lock file: JSON, with a package a line, by name. */
export function formatLockFile(lock: Lock, plan: Plan): string {
  const manual = new Set(lock.manual);
  const packages = [...lock.packages].sort(
    (a, b) => compare(a.name, b.name) || compare(a.architecture, b.architecture),
  );
  const releases = (lock.releases ?? []).map((release) => ({
    url: release.url,
    sha256: release.sha256,
    date: new Date(release.dateMs).toISOString(),
  }));
  return [
    "{",
    `"vmbuilder-lock": ${LOCK_FILE_VERSION},`,
    `"request": ${JSON.stringify(lockRequest(plan), null, 1)},`,
    `"releases": ${lines(releases)},`,
    `"sources": ${lines(lock.sources.map(sourceIdentity))},`,
    `"packages": ${lines(packages.map((ref) => packageLine(ref, manual.has(ref.name), plan.extras?.debs)))}`,
    "}",
    "",
  ].join("\n");
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function lines(items: readonly unknown[]): string {
  return `[\n${items.map((item) => ` ${JSON.stringify(item)}`).join(",\n")}\n]`;
}

/** What is usual isn't written, nor where on this host a package lies: it is known by its hash. */
function packageLine(ref: PackageRef, manual: boolean, debs: readonly LocalDeb[] = []): z.input<typeof packageSchema> {
  const local = debs.find(({ sha256 }) => sha256 === ref.sha256);
  return {
    name: ref.name,
    version: ref.version,
    arch: ref.architecture,
    sha256: ref.sha256,
    size: ref.sizeBytes,
    url: local ? LOCAL + encodeURIComponent(baseName(local.path)) : ref.url,
    ...(manual ? { manual } : {}),
    ...(ref.priority === "optional" ? {} : { priority: ref.priority }),
    ...(ref.essential ? { essential: true } : {}),
    ...(ref.isLibrary ? { library: true } : {}),
    installed: ref.installedSizeBytes,
    ...(ref.preDepends ? { preDepends: ref.preDepends } : {}),
    ...(ref.depends ? { depends: ref.depends } : {}),
    ...(ref.provides ? { provides: ref.provides } : {}),
  };
}

/**
 * Reads a lock file's text, and compares it with what the recipe asks for now.
 *
 * @param file its name, for messages
 * @throws lock-invalid, lock-stale
 */
export function parseLockFile(text: string, file: string, plan: Plan): Lock {
  const parsed = lockFileSchema.safeParse(parseJson(text, file));
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw invalid(file, `${issue?.path.map(String).join(".")}: ${issue?.message}`, parsed.error);
  }
  const { request, releases, sources, packages } = parsed.data;
  const differences = requestDifferences(request, lockRequest(plan));
  if (differences.length > 0)
    throw new VmbuilderError("lock-stale", `${file} does not fit the recipe any more: ${differences.join("; ")}`, {
      hint: "choose packages anew with --update-lock, or build without the lock: --no-lock",
    });
  const dates = releases.map(({ date }) => Date.parse(date));
  return {
    packages: packages.map((one) => readPackage(one, plan.recipe.snapshot)),
    manual: packages.filter(({ manual }) => manual).map(({ name }) => name),
    sources: sources.map((source) => ({ keyring: "", ...dropUndefined(source) })),
    releases: releases.map((release, i) => ({ url: release.url, sha256: release.sha256, dateMs: dates[i] ?? 0 })),
    epochSeconds: Math.floor(Math.max(...dates) / 1000),
  };
}

/** Without the keys that aren't set, which the type of a source doesn't allow. */
function dropUndefined(source: z.output<typeof sourceSchema>): Omit<AptSource, "keyring"> {
  return Object.fromEntries(Object.entries(source).filter(([, value]) => value !== undefined)) as unknown as AptSource;
}

function parseJson(text: string, file: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw invalid(file, cause instanceof Error ? cause.message : "this is no JSON", cause);
  }
}

function invalid(file: string, why: string, cause: unknown): VmbuilderError {
  return new VmbuilderError("lock-invalid", `${file} is no lock file that this version can read: ${why}`, {
    hint: "make it anew: vmbuilder lock RECIPE",
    cause,
  });
}

function readPackage(one: z.output<typeof packageSchema>, snapshots: readonly string[]): PackageRef {
  const { name, version, arch, size, installed, library, manual: _, ...same } = one;
  const path = /\/pool\/.*$/.exec(one.url)?.[0];
  return {
    ...same,
    name,
    version,
    architecture: arch,
    alternatives: path === undefined ? [] : snapshots.map((base) => base.replace(/\/+$/, "") + path),
    sizeBytes: size,
    isLibrary: library,
    installedSizeBytes: installed,
  };
}

function lockRequest({ recipe, suite, architecture, packages, extras }: Plan): LockRequest {
  const { mirror, "security-mirror": security } = recipe;
  return {
    distro: recipe.distro,
    suite,
    arch: architecture,
    priorities: [...packages.priorities].sort(),
    include: [...packages.include].sort(),
    exclude: [...packages.exclude].sort(),
    components: [...recipe.components].sort(),
    repositories: (extras?.repositories ?? [])
      .map(({ uri, suite, components: parts }) => [uri, suite, ...parts].join(" "))
      .sort(),
    debs: (extras?.debs ?? [])
      .filter(({ isAsked }) => isAsked)
      .map(({ name, version, sha256 }) => `${name} ${version} (${sha256})`)
      .sort(),
    ...(mirror === undefined ? {} : { mirror }),
    ...(security === undefined ? {} : { "security-mirror": security }),
  };
}

const LIST_NAMES = {
  priorities: "priorities",
  include: "packages",
  exclude: "unwanted packages",
  components: "components",
  repositories: "repositories",
  debs: "package files",
};

/** In words: what the recipe asks for that the lock was not made for, and the other way round. */
function requestDifferences(locked: LockRequest, wanted: LockRequest): string[] {
  const single = (["distro", "suite", "arch", "mirror", "security-mirror"] as const)
    .filter((key) => locked[key] !== wanted[key])
    .map((key) => `${key} is ${wanted[key] ?? "the default"}, was ${locked[key] ?? "the default"}`);
  const lists = (["priorities", "include", "exclude", "components", "repositories", "debs"] as const).flatMap((key) => {
    const added = wanted[key].filter((name) => !locked[key].includes(name));
    const gone = locked[key].filter((name) => !wanted[key].includes(name));
    const words = [added.length ? `${added.join(", ")} added` : "", gone.length ? `${gone.join(", ")} gone` : ""];
    const told = words.filter((word) => word !== "").join(", ");
    return told ? [`${LIST_NAMES[key]}: ${told}`] : [];
  });
  return [...single, ...lists];
}
