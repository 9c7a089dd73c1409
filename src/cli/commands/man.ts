import type { Command } from "commander";
import { renderManPage } from "../man.ts";

/** Adds `vmbuilder man`. */
export function addMan(program: Command): void {
  program
    .command("man")
    .description("Shows the manual page, which explains every command and option.")
    .action(() => {
      process.stdout.write(renderManPage(program));
    });
}
