import { createHash } from "node:crypto";
import { rm } from "node:fs/promises";
import { stringify } from "yaml";
import { VmbuilderError } from "../../model/errors.ts";
import { logins } from "../../model/logins.ts";
import { planGiven } from "../recipes/check-recipe.ts";
import { keepRecipe, readKept, SECRET_KEYS, withoutSecrets } from "../recipes/recipe-folder.ts";
import { type GivenRecipe, type RecipeInput, takeRecipe } from "../recipes/recipe-input.ts";
import type { ServerContext } from "../server-context.ts";
import { makeId } from "../store/secrets.ts";
import { type User, usageOf } from "../store/users.ts";
import { hasEnded, type Job, type JobRequest } from "./job.ts";

/** A build as somebody asks for it. */
export interface Submission extends RecipeInput {
  readonly name?: string | undefined;
  readonly priority: number;
  readonly allowNoLogin: boolean;
  readonly isShared: boolean;
  readonly webhook?: JobRequest["webhook"];
  readonly idempotencyKey?: string | undefined;
}

/**
 * Checks all of a build and puts it into the queue; its recipe and files are kept first.
 *
 * @throws recipe errors, login-impossible, host-not-allowed, quota, conflict
 */
export async function submitBuild(
  submission: Submission,
  user: User,
  server: ServerContext,
  retryOf?: string,
): Promise<{ job: Job; isNew: boolean }> {
  const { settings, database, jobs, folder } = server;
  const given = takeRecipe(submission);
  checkWebhook(submission.webhook, settings.webhookHosts);
  const plan = await planGiven(given, { work: folder.work, hosts: settings.mirrorHosts });
  if (!submission.allowNoLogin && logins(plan).length === 0)
    throw new VmbuilderError(
      "login-impossible",
      "nobody could log in to this machine: it has no password and no ssh key",
      {
        hint: "give a key or a password; to build it all the same, allowNoLogin",
      },
    );
  const usage = usageOf(database, user.name);
  checkQuota(user, usage);
  const id = makeId();
  await keepRecipe(folder.job(id), given);
  try {
    const { name = plan.recipe.hostname, priority, isShared, idempotencyKey } = submission;
    const request = requestOf(given, submission);
    const requestHash = hashRequest(given, submission);
    const diskBytes = [plan.disk, ...(plan.moreDisks ?? [])].reduce((sum, disk) => sum + disk.sizeBytes, 0);
    const added = await jobs.add(
      { id, owner: user.name, name, priority, isShared, request, retryOf, idempotencyKey, requestHash, diskBytes },
      { activeBuilds: user.quota.activeBuilds, diskBytes: user.quota.diskBytes - usage.diskBytes },
    );
    if (!added.isNew) await rm(folder.job(id), { recursive: true, force: true });
    return added;
  } catch (error) {
    await rm(folder.job(id), { recursive: true, force: true });
    throw error;
  }
}

/** Builds once more what was built. @throws conflict, gone */
export async function retryBuild(job: Job, user: User, server: ServerContext): Promise<Job> {
  if (!hasEnded(job)) throw new VmbuilderError("conflict", "this build has not ended");
  const kept = await readKept(server.folder.job(job.id));
  const gone = (what: string) =>
    new VmbuilderError("gone", `${what} of this build are not kept any more`, {
      hint: "give them again, as a new build",
    });
  if (!kept) throw gone("the files");
  const given = takeRecipe({ yaml: kept.yaml, files: {} });
  if (job.request.hasSecrets && !SECRET_KEYS.some((key) => given.values[key] !== undefined))
    throw gone("the passwords");
  const files = Object.fromEntries(
    [...kept.files].map(([name, bytes]) => [name, { base64: bytes.toString("base64") }]),
  );
  const { name, priority, isShared, request } = job;
  const { allowNoLogin, webhook } = request;
  const again = { yaml: kept.yaml, files, name, priority, isShared, allowNoLogin, ...(webhook ? { webhook } : {}) };
  return (await submitBuild(again, user, server, job.id)).job;
}

function requestOf(given: GivenRecipe, { allowNoLogin, webhook }: Submission): JobRequest {
  return {
    recipe: withoutSecrets(given.values),
    fileNames: [...given.files.keys()],
    hasSecrets: SECRET_KEYS.some((key) => given.values[key] !== undefined),
    allowNoLogin,
    ...(webhook ? { webhook } : {}),
  };
}

/** The same for the same request alone; passwords have no part in it, since a hash of one can be guessed. */
function hashRequest(given: GivenRecipe, { name, priority, isShared, allowNoLogin, webhook }: Submission): string {
  const hash = createHash("sha256");
  hash.update(stringify([withoutSecrets(given.values), name ?? "", priority, isShared, allowNoLogin, webhook ?? null]));
  for (const [name, content] of given.files) hash.update(`${name} ${content.length}\n`).update(content);
  return hash.digest("hex");
}

function checkWebhook(webhook: JobRequest["webhook"], hosts: ReadonlySet<string>): void {
  if (!webhook || hosts.has(new URL(webhook.url).host.toLowerCase())) return;
  throw new VmbuilderError("host-not-allowed", `this server tells nothing to ${new URL(webhook.url).host}`, {
    hint: hosts.size > 0 ? `it tells ${[...hosts].join(", ")}` : "have it started with --allow-webhook HOST",
  });
}

function checkQuota({ quota }: User, usage: User["quota"]): void {
  const refuse = (message: string) => new VmbuilderError("quota", message, { hint: "remove images, or ask an admin" });
  if (usage.images >= quota.images) throw refuse(`your ${quota.images} images are used up`);
  if (usage.diskBytes >= quota.diskBytes) throw refuse(`your ${quota.diskBytes / 1024 ** 3} GiB of disk are used up`);
}
