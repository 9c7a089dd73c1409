import type { Command } from "commander";
import { OPTION_GROUPS } from "../../src/cli/build-option.ts";
import { buildOptions } from "../../src/cli/option-table.ts";
import { recipeJsonSchema } from "../../src/cli/recipe-schema.ts";
import { describe, escapeHtml } from "./html.ts";
import type { Page } from "./page.ts";
import { writePage } from "./page-writer.ts";
import { fieldsHtml, type Shape, shapeText } from "./shapes.ts";

/** Every key of a recipe, from the JSON Schema that editors use. */
export function recipeKeysPage(program: Command): Page {
  const page = writePage(
    "recipe-keys.html",
    "Keys of a recipe",
    'Made from the schema that <code>vmbuilder schema</code> prints for editors. What includes, variables and a matrix do is told in <a href="recipes.html">Recipes</a>.',
  );
  const properties = Object.entries((recipeJsonSchema(program) as unknown as Shape).properties ?? {});
  const added = new Set(properties.filter(([name]) => name.endsWith("+")).map(([name]) => name.slice(0, -1)));
  const keys = properties.filter(([name]) => !name.endsWith("+"));
  const groups = new Map<string, string>(buildOptions.map(({ key, group }) => [key, group]));
  for (const group of ["Composition", ...OPTION_GROUPS]) {
    const members = keys.filter(([name]) => (groups.get(name) ?? "Composition") === group);
    if (members.length === 0) continue;
    page.heading(2, group === "Composition" ? "In recipes alone" : group, `group-${group.toLowerCase()}`);
    page.terms(members.map(([name, shape]) => ({ id: name, ...keyTerm(name, shape, added.has(name)) })));
  }
  return page.page();
}

function keyTerm(name: string, shape: Shape, canBeAdded: boolean): { term: string; text: string } {
  const more = canBeAdded
    ? `<p class="note"><code>${escapeHtml(name)}+</code> adds to what an included recipe says.</p>`
    : "";
  const words = shape.description === undefined ? "" : `${describe(shape.description)}`;
  return {
    term: `<code>${escapeHtml(name)}</code> <small>${shapeText(shape)}</small>`,
    text: `${words}${fieldsHtml(shape)}${more}`,
  };
}
