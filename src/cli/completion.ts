import type { Command } from "commander";
import { renderBash } from "./completion/bash.ts";
import { renderFish } from "./completion/fish.ts";
import { completionCommands } from "./completion/model.ts";
import { renderZsh } from "./completion/zsh.ts";

/** Shells that completion can be written for. */
export const SHELLS = ["bash", "zsh", "fish"] as const;

/** A shell of {@link SHELLS}. */
export type Shell = (typeof SHELLS)[number];

const RENDERERS = { bash: renderBash, zsh: renderZsh, fish: renderFish } as const satisfies Record<Shell, unknown>;

/** Writes a shell's completion script for a program: commands, options, choices, files, folders, recipes and machines. */
export function renderCompletion(program: Command, shell: Shell, recipes: readonly string[]): string {
  return RENDERERS[shell](completionCommands(program, recipes));
}
