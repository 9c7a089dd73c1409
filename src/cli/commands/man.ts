import type { Command } from "commander";
import { renderManPage } from "../man.ts";

/** Adds `vmbuilder man`. */
export function addMan(program: Command): void {
  program
    .command("man")
    .description("Shows the manual page.")
    .action(() => {
      process.stdout.write(renderManPage(program));
    });
}
