import { CommanderError } from "commander";
import { VmbuilderError } from "../model/errors.ts";
import { DIFFERENT } from "./commands/diff.ts";
import { arrangeOldForm } from "./old-form.ts";
import { createProgram } from "./program.ts";
import { wantsColor } from "./terminal/color.ts";
import { formatError } from "./terminal/error.ts";
import { writeJsonLine } from "./terminal/json-lines.ts";
import { usageError } from "./usage-error.ts";

/**
 * Runs one command line.
 *
 * @returns the exit status
 */
export async function runCli(argv: readonly string[]): Promise<number> {
  const program = createProgram();
  try {
    await program.parseAsync(arrangeOldForm(argv.slice(2)), { from: "user" });
    return 0;
  } catch (thrown) {
    if (thrown instanceof CommanderError && thrown.exitCode === 0) return 0; // --help, --version
    if (thrown instanceof CommanderError && thrown.code === DIFFERENT) return thrown.exitCode;
    const error = thrown instanceof CommanderError ? usageError(thrown) : thrown;
    report(error, argv);
    return error instanceof VmbuilderError ? error.exitStatus : 1;
  }
}

function report(error: unknown, argv: readonly string[]): void {
  if (argv.includes("--json") && error instanceof VmbuilderError) {
    writeJsonLine(process.stdout, { type: "error", code: error.code, message: error.message, hint: error.hint });
  }
  const verbose = ["--verbose", "-v", "--debug"].some((flag) => argv.includes(flag));
  process.stderr.write(formatError(error, { color: wantsColor(process.stderr, process.env), verbose }));
}
