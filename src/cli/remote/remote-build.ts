import { randomUUID } from "node:crypto";
import { resolve } from "node:path";
import { runStep } from "../../core/context.ts";
import { hasMatrix, writtenValues } from "../../core/recipe-file.ts";
import { withSecrets } from "../../core/recipe-secrets.ts";
import { ERROR_TABLE, type ErrorCode, VmbuilderError } from "../../model/errors.ts";
import { checkDestination, publishFolder } from "../../stages/destination.ts";
import type { BuildOptionValues } from "../options.ts";
import { readSurroundings, recipeOptions } from "../recipe-options.ts";
import { runSession } from "../session.ts";
import { writeJsonLine } from "../terminal/json-lines.ts";
import { openServer, type ServerAddress, type ServerClient } from "./client.ts";
import { downloadImage } from "./download-image.ts";
import { followBuild, type RemoteBuild } from "./follow-build.ts";
import { packRecipe } from "./pack-recipe.ts";

/** Options that say how this host builds. */
const NOT_THERE = ["cache-dir", "update-lock", "matrix", "dry-run", "raw", "libvirt", "yes"] as const;

/**
 * Builds on a server: sends the recipe and the files that it names, shows what happens, and fetches the result. An interrupt
 * cancels the build.
 */
export async function remoteBuild(
  address: ServerAddress,
  file: string | undefined,
  given: BuildOptionValues,
): Promise<void> {
  const odd = NOT_THERE.find((key) => given[key] !== undefined && given[key] !== false);
  if (odd !== undefined)
    throw new VmbuilderError("usage", `--${odd} says how this host builds, and --server that another does`, {
      hint: `leave --${odd} out`,
    });
  // configuration files here are about this host
  const surroundings = { ...(await readSurroundings(given)), ...(given.profile === undefined ? { below: [] } : {}) };
  const options = recipeOptions(given);
  if (await hasMatrix(file, options, surroundings))
    throw new VmbuilderError("usage", "a matrix is built here, not by --server", {
      hint: "give one value for each of its keys",
    });
  const { dest, ...written } = (await withSecrets(await writtenValues(file, options, surroundings))).values;
  const packed = await packRecipe(written);
  const overwrite = given.overwrite ?? false;
  await runSession(given, async (session) => {
    const client = await openServer(address, session.signal);
    const request = { ...packed, allowNoLogin: given["allow-no-login"] ?? false };
    const key = { "idempotency-key": randomUUID() };
    const { id, name } = await client.ask<RemoteBuild>("POST", "builds", request, key);
    const destination = resolve(typeof dest === "string" ? dest : name);
    let isOver = false;
    try {
      await checkDestination(destination, overwrite);
      const build = await followBuild(id, client, session.emit, session.signal);
      isOver = true;
      const imageId = resultOf(build);
      const artifacts = await publishFolder(destination, overwrite, (folder) =>
        runStep(session, "deploy/fetch", "Fetch the result", () => downloadImage(imageId, folder, client, session)),
      );
      session.close();
      if (given.json)
        writeJsonLine(process.stdout, { type: "result", directory: destination, artifacts, seconds: build.seconds });
      else if (!given.quiet) process.stdout.write(`${name} is ready: ${destination}\n`);
    } catch (error) {
      if (!isOver) await cancel(id, address);
      throw error;
    }
  });
}

/** The image that a build made. @throws what kept it from making one */
function resultOf({ state, error, imageId }: RemoteBuild): string {
  if (imageId !== null) return imageId;
  if (!error) throw new VmbuilderError("interrupted", `the build was ${state} on the server`);
  const code = error.code in ERROR_TABLE ? (error.code as ErrorCode) : "command-failed";
  throw new VmbuilderError(code, error.message, {
    ...(error.hint === null ? {} : { hint: error.hint }),
    ...(error.detail === null ? {} : { detail: error.detail }),
  });
}

const CANCEL_MS = 5000;

/** The session's own signal has been given already. */
async function cancel(id: string, address: ServerAddress): Promise<void> {
  try {
    const client: ServerClient = await openServer(address, AbortSignal.timeout(CANCEL_MS));
    await client.ask("POST", `builds/${encodeURIComponent(id)}/cancel`);
  } catch {
    process.stderr.write("warning: the build could not be cancelled, and goes on at the server\n");
  }
}
