import type { Command } from "commander";
import { SHIPPED } from "../../core/shipped-recipes.ts";
import { writeJsonLine } from "../terminal/json-lines.ts";
import { formatTable } from "../terminal/table.ts";

/** Adds `vmbuilder recipe ls|show`. */
export function addRecipe(program: Command): void {
  const recipe = program.command("recipe").description("Shows the recipes that come with vmbuilder.");
  recipe
    .command("ls")
    .summary("Lists the recipes that come with vmbuilder.")
    .description(`Lists the recipes that come with vmbuilder; ${SHIPPED}NAME stands wherever a recipe file may stand.`)
    .option("--json", "print one line of JSON")
    .action(list);
  recipe
    .command("show")
    .argument("<NAME>", "such as webserver")
    .description("Prints a recipe that comes with vmbuilder.")
    .action(show);
}

async function list({ json }: { json?: boolean }): Promise<void> {
  const { listShippedRecipes } = await import("../../core/shipped-recipes.ts");
  const recipes = (await listShippedRecipes()).map(({ name, title, path }) => ({ name, title, path }));
  if (json) return writeJsonLine(process.stdout, { type: "recipes", recipes });
  const rows = recipes.map(({ name, title }) => [`${SHIPPED}${name}`, title]);
  process.stdout.write(`${formatTable(COLUMNS, rows, process.stdout.columns).join("\n")}\n`);
}

const COLUMNS = [{ heading: "RECIPE" }, { heading: "WHAT IT IS", flexible: true }] as const;

async function show(name: string): Promise<void> {
  const { findShippedRecipe } = await import("../../core/shipped-recipes.ts");
  process.stdout.write((await findShippedRecipe(name)).yaml);
}
