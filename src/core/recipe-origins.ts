import { access, readdir } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { VmbuilderError } from "../model/errors.ts";
import { nearestName } from "../model/nearest-name.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** Which files are read beneath a recipe, as an option, else an environment variable, says. */
export interface OriginChoice {
  /** The user's configuration file; `none` for none. */
  readonly config?: string | undefined;
  /** The host's configuration file; `none` for none. */
  readonly systemConfig?: string | undefined;
  readonly profile?: string | undefined;
}

const ENDING = ".yaml";
const NONE = "none";
const SYSTEM_CONFIG = "/etc/vmbuilder/config.yaml";
const PROFILE_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/**
 * The files that hold beneath a recipe, the weakest first: the host's configuration, the user's, a profile. Files that
 * nobody asked for may be missing.
 *
 * @throws file-unreadable, usage
 */
export async function filesBelow(choice: OriginChoice, env: Environment = process.env): Promise<string[]> {
  const userConfig = join(env.XDG_CONFIG_HOME || join(homedir(), ".config"), "vmbuilder/config.yaml");
  const profile = choice.profile ?? (env.VMBUILDER_PROFILE || undefined);
  return [
    ...(await configuration(choice.systemConfig ?? env.VMBUILDER_SYSTEM_CONFIG, SYSTEM_CONFIG)),
    ...(await configuration(choice.config ?? env.VMBUILDER_USER_CONFIG, userConfig)),
    ...(profile === undefined ? [] : [await findProfile(profile, env)]),
  ];
}

/** Folder of the profiles: `$XDG_DATA_HOME/vmbuilder/profiles`. */
export function profileDirectory(env: Environment = process.env): string {
  return join(env.XDG_DATA_HOME || join(homedir(), ".local/share"), "vmbuilder/profiles");
}

/** Path of a profile, whether it exists or not. @throws usage for what is no name */
export function profilePath(name: string, env: Environment = process.env): string {
  if (PROFILE_NAME.test(name)) return join(profileDirectory(env), `${name}${ENDING}`);
  throw new VmbuilderError("usage", `"${name}" is no name of a profile`, {
    hint: "letters, digits and inner . _ -, at most 64",
  });
}

/** Path of a profile that exists. @throws profile-unknown, which names the nearest */
export async function findProfile(name: string, env: Environment = process.env): Promise<string> {
  const path = profilePath(name, env);
  if (await exists(path)) return path;
  const names = await listProfiles(env);
  const near = nearestName(name, names);
  throw new VmbuilderError("profile-unknown", `there is no profile "${name}" in ${profileDirectory(env)}`, {
    hint: near
      ? `did you mean ${near}?`
      : names.length > 0
        ? `the profiles are ${names.join(", ")}`
        : "make one with vmbuilder profile save NAME",
  });
}

/** Names of the saved profiles, sorted. */
export async function listProfiles(env: Environment = process.env): Promise<string[]> {
  const names = await readdir(profileDirectory(env)).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
  return names
    .filter((name) => name.endsWith(ENDING))
    .map((name) => name.slice(0, -ENDING.length))
    .filter((name) => PROFILE_NAME.test(name))
    .sort();
}

async function configuration(asked: string | undefined, standard: string): Promise<string[]> {
  if (asked === NONE) return [];
  if (asked) return [asked];
  return (await exists(standard)) ? [standard] : [];
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    (error: NodeJS.ErrnoException) => error.code !== "ENOENT" && error.code !== "ENOTDIR",
  );
}
