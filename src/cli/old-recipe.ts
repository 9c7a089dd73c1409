import { access } from "node:fs/promises";
import { readRecipe, resolveBeside } from "../core/recipe-file.ts";
import type { RecipeLayer } from "../core/recipe-layers.ts";
import { RECIPE_KEYS } from "../model/recipe.ts";
import { type OldConfig, type OldSetting, readOldConfig } from "./old-config.ts";
import { oldConfigFiles } from "./old-form.ts";
import type { OldValues } from "./old-options.ts";
import type { BuildOptionValues } from "./options.ts";
import { writeNotes } from "./terminal/notes.ts";

/** What configuration files of the old tool add to a command line. */
export interface OldConfiguration {
  /** For the recipe. */
  readonly given: RecipeLayer;
  /** How to build: what the command line doesn't say itself. */
  readonly values: BuildOptionValues;
  readonly old: OldValues;
}

/**
 * Reads what `-c FILE` names, and for the old form the files that the old tool read by itself. What has no effect is told.
 *
 * @returns undefined when there is nothing
 * @throws file-unreadable
 */
export async function readOldConfiguration(
  config: string | undefined,
  form: "old" | "new",
  values: BuildOptionValues,
): Promise<OldConfiguration | undefined> {
  const standard = await existing(oldConfigFiles());
  if (form === "new")
    writeNotes(standard.map((file) => `${file} is not read; vmbuilder import-config ${file} makes a recipe of it`));
  const files = [...(form === "old" ? standard : []), ...(config === undefined ? [] : [config])];
  if (files.length === 0) return undefined;
  const read = await readOldConfig(files, { distro: values.distro, hypervisor: values.hypervisor?.[0] });
  writeNotes([...(form === "old" ? standard.map((file) => `settings of ${file} are used`) : []), ...read.notes]);
  const others = [...read.settings.values()].filter(({ key }) => !isOfRecipe(key));
  const how = Object.fromEntries(others.map(({ key, value }) => [key, value]));
  return { given: givenBy(read), values: how, old: how };
}

/** Checks what configuration files say, as far as that goes into a recipe. @throws recipe-invalid with the place */
export async function checkOldConfig(config: OldConfig): Promise<void> {
  await readRecipe(undefined, {}, { configuration: givenBy(config) });
}

function givenBy({ settings, distro, hypervisor }: OldConfig): RecipeLayer {
  const values: Record<string, unknown> = { ...(distro && { distro }), ...(hypervisor && { hypervisor }) };
  for (const { key, value, file } of settings.values())
    if (isOfRecipe(key)) Object.assign(values, resolveBeside({ [key]: value }, file));
  return { values, name: ([key]) => placeOf(settings.get(String(key)), String(key)) };
}

function placeOf(setting: OldSetting | undefined, key: string): string {
  return setting ? `${setting.file}:${setting.line}: ${key}` : key;
}

/** Whether a key stands in recipes. */
export function isOfRecipe(key: string): boolean {
  return RECIPE_KEYS.includes(key.replace(/^(root)?pass-file$/, "$1pass"));
}

async function existing(files: readonly string[]): Promise<string[]> {
  const found = await Promise.all(
    files.map((file) =>
      access(file).then(
        () => [file],
        () => [],
      ),
    ),
  );
  return found.flat();
}
