import { type Command, Option } from "commander";
import { addBuildOptions, readBuildOptions } from "../options.ts";
import { readSurroundings, recipeOptions } from "../recipe-options.ts";
import { writeJsonLine } from "../terminal/json-lines.ts";
import { BUILD_CHOICES } from "./build.ts";

/** Adds `vmbuilder profile save|list|show|rm`. */
export function addProfile(program: Command): void {
  const profile = program.command("profile").description("Saves options for later builds.");
  const save = profile
    .command("save")
    .argument("<NAME>")
    .argument("[RECIPE]")
    .summary("Saves a recipe, options, or both as a profile.")
    .description("Saves a recipe, options of build, or both as a profile, without passwords.");
  addBuildOptions(save, BUILD_CHOICES).action((name: string, file: string | undefined) => saveAs(name, file, save));
  const add = (name: string, description: string) => profile.command(name).description(description);
  const json = () => new Option("--json", "print one line of JSON");
  add("list", "Lists the profiles.")
    .addOption(json())
    .action((options: { json?: boolean }) => list(options));
  add("show", "Prints a profile.").argument("<NAME>").action(show);
  add("rm", "Removes a profile.").argument("<NAME>").action(remove);
}

async function saveAs(name: string, file: string | undefined, command: Command): Promise<void> {
  const values = readBuildOptions(command);
  const { saveProfile } = await import("../../core/recipe-profiles.ts");
  // Configuration files hold beneath a profile anyway, and may change.
  const below = await readSurroundings({ ...values, "user-config": "none", "system-config": "none" });
  const path = await saveProfile(name, file, recipeOptions(values), below);
  if (values.json) writeJsonLine(process.stdout, { type: "profile", name, path });
  else process.stdout.write(`saved ${path}; use it with --profile ${name}\n`);
}

async function list({ json }: { json?: boolean }): Promise<void> {
  const { listProfiles, profilePath } = await import("../../core/recipe-origins.ts");
  const names = await listProfiles();
  const profiles = names.map((name) => ({ name, path: profilePath(name) }));
  if (json) writeJsonLine(process.stdout, { type: "profiles", profiles });
  else if (names.length > 0) process.stdout.write(`${names.join("\n")}\n`);
  else process.stderr.write("there are no profiles; make one with vmbuilder profile save NAME\n");
}

async function show(name: string): Promise<void> {
  const [{ findProfile }, { readFile }] = await Promise.all([
    import("../../core/recipe-origins.ts"),
    import("node:fs/promises"),
  ]);
  process.stdout.write(await readFile(await findProfile(name), "utf8"));
}

async function remove(name: string): Promise<void> {
  const { removeProfile } = await import("../../core/recipe-profiles.ts");
  process.stdout.write(`removed ${await removeProfile(name)}\n`);
}
