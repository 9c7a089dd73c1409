import { VmbuilderError } from "../model/errors.ts";
import type { CloudInit } from "../model/identity.ts";
import type { Recipe } from "../model/recipe.ts";
import { readSmallFile } from "../system/files.ts";

const LARGEST_BYTES = 1024 * 1024;
const CLOUD_CONFIG = "#cloud-config";

/** How user data begins that cloud-init knows and we leave to it: a script, or a MIME archive of parts. */
const OTHER_KINDS = /^(#!|Content-Type: multipart\/|MIME-Version: )/i;

type CloudRecipe = Pick<Recipe, "cloud-init" | "cloud-init-meta-data" | "cloud-init-network-config" | "user">;

/**
 * Reads what cloud-init shall find in the machine, and refuses what it would only stumble over at the first boot.
 *
 * @returns undefined when the recipe wants no cloud-init
 * @throws file-unreadable, recipe-invalid with the place
 * @see https://docs.cloud-init.io/en/latest/reference/datasources/nocloud.html
 */
export async function readCloudInit(recipe: CloudRecipe): Promise<CloudInit | undefined> {
  const path = recipe["cloud-init"];
  const [metaPath, networkPath] = [recipe["cloud-init-meta-data"], recipe["cloud-init-network-config"]];
  if (path === undefined) {
    const orphan = metaPath === undefined ? networkPath : metaPath;
    if (orphan !== undefined)
      throw new VmbuilderError("recipe-invalid", `${orphan} is for cloud-init, but there is no user data`, {
        hint: "add --cloud-init FILE; an empty configuration is the line #cloud-config",
      });
    return undefined;
  }
  const userData = await readSmallFile(path, LARGEST_BYTES);
  if (new RegExp(`^${CLOUD_CONFIG}\\s*(\n|$)`).test(userData)) {
    const config = await parseMapping(userData, path, "may be empty");
    refuseUser(config, recipe.user, path);
  } else if (!OTHER_KINDS.test(userData)) {
    throw new VmbuilderError(
      "recipe-invalid",
      `cloud-init: ${path}:1: cloud-init does not know this kind of user data`,
      {
        hint: `begin it with the line ${CLOUD_CONFIG}, with #! for a script, or with Content-Type: multipart/`,
      },
    );
  }
  const [metaData, networkConfig] = await Promise.all([readMapping(metaPath), readMapping(networkPath)]);
  return { userData, metaData, networkConfig };
}

async function readMapping(path: string | undefined): Promise<string | undefined> {
  if (path === undefined) return undefined;
  const text = await readSmallFile(path, LARGEST_BYTES);
  await parseMapping(text, path, "must not be empty");
  return text;
}

/** The parser is loaded here alone: a build without cloud-init and recipe file needs none. */
async function parseMapping(
  text: string,
  path: string,
  emptiness: "may be empty" | "must not be empty",
): Promise<Record<string, unknown>> {
  const [{ parseDocument }, { findExcess }] = await Promise.all([import("yaml"), import("../core/recipe-yaml.ts")]);
  const refuse = (why: string, cause?: unknown): never => {
    throw new VmbuilderError("recipe-invalid", `cloud-init: ${path}${why}`, {
      hint: "give YAML: lines KEY: VALUE",
      cause,
    });
  };
  const excess = findExcess(text);
  if (excess) refuse(`: ${excess.why}`);
  try {
    const document = parseDocument(text, { prettyErrors: true, logLevel: "silent" });
    const [problem] = document.errors;
    const place = problem?.linePos?.[0];
    if (problem) refuse(`:${place?.line ?? 1}:${place?.col ?? 1}: ${problem.message.split(" at line")[0]}`);
    const value: unknown = document.toJS();
    if (value === null && emptiness === "may be empty") return {};
    if (typeof value !== "object" || value === null || Array.isArray(value)) return refuse(": this is no mapping");
    return value as Record<string, unknown>;
  } catch (error) {
    // A stack that overflows; aliases of aliases.
    if (!(error instanceof RangeError || error instanceof ReferenceError)) throw error;
    return refuse(": too deep or too much of it repeated", error);
  }
}

/** Two that make one user don't agree on his password: cloud-init locks what it finds. */
function refuseUser(config: Record<string, unknown>, user: string | undefined, path: string): void {
  const users: unknown[] = Array.isArray(config.users) ? config.users : [];
  const names = users.map((one) => (typeof one === "object" && one !== null ? Reflect.get(one, "name") : one));
  if (user === undefined || !names.includes(user)) return;
  throw new VmbuilderError("recipe-invalid", `cloud-init: ${path} creates the user ${user}, and so does the recipe`, {
    hint: "leave out --user, or the user in the file (cloud-init's default user is then the recipe's)",
  });
}
