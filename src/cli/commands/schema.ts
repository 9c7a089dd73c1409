import type { Command } from "commander";

/** Adds `vmbuilder schema`. */
export function addSchema(program: Command): void {
  program
    .command("schema")
    .description("Prints the JSON Schema of a recipe, for editors.")
    .action(async () => {
      const { recipeFileSchema } = await import("../recipe-schema.ts");
      process.stdout.write(`${JSON.stringify(recipeFileSchema(program), null, 2)}\n`);
    });
}
