import { FILE_KEYS } from "../../core/recipe-file.ts";
import { SECRET_FILES } from "../../core/recipe-secrets.ts";
import { fillVariables, type Variables } from "../../core/recipe-variables.ts";
import { VmbuilderError } from "../../model/errors.ts";
import { isDebPath } from "../../model/plan.ts";
import { COMPOSITION_KEYS } from "../../model/recipe-composition.ts";
import type { GivenRecipe } from "./recipe-input.ts";

/** Keys that reach out of what a user of the server may touch: its files, devices, and other recipes. */
export const REFUSED_KEYS: readonly string[] = [
  "raw",
  "dest",
  "libvirt",
  "libvirt-pool",
  "iso",
  "iso-unsigned",
  "include",
  "matrix",
  ...Object.values(SECRET_FILES),
];

/** Keys whose values are addresses that the server will ask. */
const ADDRESS_KEYS: readonly string[] = [
  "mirror",
  "security-mirror",
  "install-mirror",
  "install-security-mirror",
  "snapshot",
  "proxy",
  "ppa-archive",
  "ppa-api",
];

/** An address that every program reads alike: nothing before its path but a login, a host and a port. */
const PLAIN_ADDRESS = /^https?:\/\/(?:[^\s/\\?#@]*@)?(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::\d+)?(?:\/[^\s\\]*)?$/i;

/**
 * Refuses what a recipe from the network may not do: name files of the server, or make it ask hosts that it was not told of.
 * It judges what a build will read: values with their variables put in.
 *
 * @param hosts that it may ask, in lower case, with a port where it isn't the standard one
 * @param standing variables that the server's own configuration defines
 * @throws recipe-invalid, host-not-allowed, with the place
 */
export function checkRules(recipe: GivenRecipe, hosts: ReadonlySet<string>, standing: Variables = {}): void {
  const at = (key: string) => `${recipe.locate([key])}: ${key}`;
  const variables = Object.assign({}, standing, recipe.values.vars) as Variables;
  const values = Object.fromEntries(
    Object.entries(recipe.values).map(([key, value]) => [
      key,
      COMPOSITION_KEYS.includes(key) ? value : fillVariables(value, variables, () => at(key)),
    ]),
  );
  for (const [written, value] of Object.entries(values)) {
    const key = written.replace(/\+$/, "");
    if (REFUSED_KEYS.includes(key))
      throw new VmbuilderError("recipe-invalid", `${at(written)}: this has no place in a recipe for a server`, {
        hint: "leave it out",
      });
    if (FILE_KEYS.includes(key)) for (const one of [value].flat()) checkFile(at(written), key, one, recipe.files);
    if (key === "addpkg")
      for (const one of [value].flat()) if (isDebPath(String(one))) checkFile(at(written), key, one, recipe.files);
    if (key === "exec-network" && value !== false)
      throw new VmbuilderError("recipe-invalid", `${at(written)}: on a server, scripts have no network`, {
        hint: "bring what they need as packages or files, or fetch it in a firstboot script",
      });
    if (ADDRESS_KEYS.includes(key)) for (const one of [value].flat()) checkAddress(at(written), one, hosts);
    if (key === "repositories")
      for (const one of [value].flat()) checkRepository(at(written), one, recipe.files, hosts);
    if (key === "ppa" && [value].flat().length > 0) checkPpa(at(written), values, hosts);
  }
}

function checkFile(place: string, key: string, value: unknown, files: ReadonlyMap<string, Buffer>): void {
  if (typeof value !== "string") return; // the schema's business
  const content = files.get(value);
  if (content === undefined) throw noSuchFile(place, value);
  if (key === "copy") checkCopies(`${place}: ${value}`, content.toString(), files);
}

/** The lines of a list of files to copy name files, too. */
function checkCopies(place: string, list: string, files: ReadonlyMap<string, Buffer>): void {
  for (const line of list.split("\n")) {
    const [source = ""] = line.trim().split(/\s+/);
    if (source !== "" && !source.startsWith("#") && !files.has(source)) throw noSuchFile(place, source);
  }
}

function noSuchFile(place: string, name: string): VmbuilderError {
  return new VmbuilderError(
    "recipe-invalid",
    `${place}: "${name.slice(0, 80)}" is none of the files beside the recipe`,
    {
      hint: "send it along in files, and give its name, without folders",
    },
  );
}

function checkAddress(place: string, value: unknown, hosts: ReadonlySet<string>): void {
  if (typeof value !== "string") return;
  const url = URL.canParse(value) ? new URL(value) : undefined;
  if (url && PLAIN_ADDRESS.test(value) && hosts.has(url.host.toLowerCase())) return;
  throw new VmbuilderError(
    "host-not-allowed",
    `${place}: this server doesn't ask ${url?.host || `"${value.slice(0, 80)}"`}`,
    {
      hint:
        hosts.size > 0
          ? `it asks ${[...hosts].join(", ")}`
          : "leave it out, or have the server started with --allow-mirror HOST",
    },
  );
}

function checkRepository(
  place: string,
  value: unknown,
  files: ReadonlyMap<string, Buffer>,
  hosts: ReadonlySet<string>,
): void {
  if (typeof value !== "object" || value === null) return;
  const { uri, key } = value as { uri?: unknown; key?: unknown };
  checkAddress(place, uri, hosts);
  if (typeof key === "string" && /^[a-z]+:/.test(key)) checkAddress(place, key, hosts);
  else if (key !== undefined) checkFile(place, "keyring", key, files);
}

/** A personal archive is asked where the recipe says, else at the distribution's own service. */
function checkPpa(place: string, values: Record<string, unknown>, hosts: ReadonlySet<string>): void {
  if (values["ppa-archive"] !== undefined && values["ppa-api"] !== undefined) return; // both are checked
  if (hosts.has("ppa")) return;
  throw new VmbuilderError("host-not-allowed", `${place}: this server doesn't ask for personal archives`, {
    hint: "have it started with --allow-mirror ppa",
  });
}
