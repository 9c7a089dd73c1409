import { Argument, type Command } from "commander";
import { renderCompletion, SHELLS, type Shell } from "../completion.ts";

/** Adds `vmbuilder completion`. */
export function addCompletion(program: Command): void {
  program
    .command("completion")
    .addArgument(new Argument("<SHELL>", "shell to complete in").choices(SHELLS))
    .description("Prints completion for a shell.")
    .action(async (shell: Shell) => {
      const { SHIPPED, shippedNames } = await import("../../core/shipped-recipes.ts");
      const recipes = (await shippedNames()).map((name) => SHIPPED + name);
      process.stdout.write(renderCompletion(program, shell, recipes));
    });
}
