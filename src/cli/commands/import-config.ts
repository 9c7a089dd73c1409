import type { Command } from "commander";
import { escapeControls } from "../../model/escape-controls.ts";
import type { OldSetting } from "../old-config.ts";

interface ImportOptions {
  distro?: string;
  hypervisor?: string;
}

/** Passwords that stand in a file which anybody could read don't go on into another such. */
const SECRETS = ["pass", "rootpass"];

/** Adds `vmbuilder import-config`. */
export function addImportConfig(program: Command): void {
  program
    .command("import-config")
    .argument("<FILE>", "the old tool's configuration, such as ~/.vmbuilder.cfg")
    .summary("Makes a recipe of the old tool's configuration file.")
    .description("Makes a recipe of a configuration file of the old tool, and prints it.")
    .option("--distro <NAME>", "use this distribution's section (default the only one)")
    .option("--hypervisor <NAME>", "use this hypervisor's section (default the only one)")
    .action(importConfig);
}

async function importConfig(file: string, given: ImportOptions): Promise<void> {
  const [{ readOldConfig }, { checkOldConfig, isOfRecipe }, { recipeSchema }, { stringify }] = await Promise.all([
    import("../old-config.ts"),
    import("../old-recipe.ts"),
    import("../../model/recipe.ts"),
    import("yaml"),
  ]);
  const config = await readOldConfig([file], given);
  await checkOldConfig(config);
  const write = (key: string, value: unknown) => {
    const shape = (recipeSchema.shape as Record<string, { safeParse(value: unknown): { success: boolean } }>)[key];
    const number = typeof value === "string" && /^\d{1,9}$/.test(value) ? Number(value) : undefined;
    const isNumber = number !== undefined && String(number) === value && shape?.safeParse(number).success;
    return stringify({ [key]: isNumber ? number : value }, { lineWidth: 0, flowCollectionPadding: false }).trimEnd();
  };
  const lines = [
    `# Made from ${escapeControls(file)}. Names of files are relative to the folder of this recipe.`,
    ...(config.distro ? [write("distro", config.distro)] : []),
    ...(config.hypervisor ? [write("hypervisor", config.hypervisor)] : []),
  ];
  const comments = [...config.notes];
  for (const [key, { value, line }] of config.settings) {
    if (SECRETS.includes(key))
      comments.push(
        `${file}:${line}: ${key}: not taken over; write it to a file of mode 0600 and add ${key}-file: FILE`,
      );
    else if (isOfRecipe(key)) lines.push(write(key, value));
    else comments.push(`${file}:${line}: ${key}: give it on the command line: ${flag(key, value)}`);
  }
  lines.push(...comments.map((comment) => `# ${escapeControls(comment)}`));
  process.stdout.write(`${lines.join("\n")}\n`);
}

function flag(key: string, value: OldSetting["value"]): string {
  return value === true ? `--${key}` : `--${key} ${String(value)}`;
}
