import { rm } from "node:fs/promises";
import { stringify } from "yaml";
import { VmbuilderError } from "../model/errors.ts";
import { makeDirectory, writeFileAtomically } from "../system/files.ts";
import { type RecipeSurroundings, readRecipe, writtenValues } from "./recipe-file.ts";
import { findProfile, profileDirectory, profilePath } from "./recipe-origins.ts";

const SECRETS = ["pass", "rootpass", "luks-pass"] as const;
const ADDRESSES = ["mirror", "security-mirror", "install-mirror", "install-security-mirror", "proxy"] as const;

/**
 * Saves a recipe file and options as a profile: one file that stands alone, with variables filled in and absolute paths.
 * The whole is checked before; the old content stays until the new is on the disk.
 *
 * @returns its path
 * @throws secret-unsafe when it would hold a password; recipe errors
 */
export async function saveProfile(
  name: string,
  file: string | undefined,
  options: Record<string, unknown>,
  surroundings: RecipeSurroundings,
): Promise<string> {
  const path = profilePath(name);
  await readRecipe(file, options, surroundings); // says what is wrong, with its place; a matrix is no profile
  const { values, name: nameOf } = await writtenValues(file, options, surroundings);
  for (const key of SECRETS) {
    if (values[key] === undefined) continue;
    throw new VmbuilderError("secret-unsafe", `${nameOf([key])}: a profile holds no passwords`, {
      hint: `write the password into a file that only you can read, and give ${key}-file`,
    });
  }
  for (const key of ADDRESSES) {
    const address = values[key];
    if (typeof address !== "string" || !/^[a-z]+:\/\/[^/]*@/i.test(address)) continue;
    throw new VmbuilderError("secret-unsafe", `${nameOf([key])}: a profile holds no passwords, and this address may`, {
      hint: `leave ${key} out of the profile and give it when you build`,
    });
  }
  if (Object.keys(values).length === 0)
    throw new VmbuilderError("usage", "there is nothing to save", { hint: "give a recipe, options, or both" });
  await makeDirectory(profileDirectory(), 0o700);
  await writeFileAtomically(path, stringify(values), 0o600);
  return path;
}

/** Removes a profile. @returns its path @throws profile-unknown */
export async function removeProfile(name: string): Promise<string> {
  const path = await findProfile(name);
  await rm(path);
  return path;
}
