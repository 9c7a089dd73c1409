import type { CommanderError } from "commander";
import { VmbuilderError } from "../model/errors.ts";

/** Says in our words what commander found wrong with a command line; its suggestion becomes the hint. */
export function usageError(error: CommanderError): VmbuilderError {
  if (error.code === "commander.help")
    return new VmbuilderError("usage", "a command is missing", { hint: "give one of those above", cause: error });
  const [first = "", ...rest] = error.message.replace(/^error: /, "").split("\n");
  const suggestion = /\(Did you mean (.*?)\?\)/s.exec(rest.join(" "))?.[1];
  const message = first.replaceAll(/<([^<>]+)>/g, "$1");
  const hint = suggestion ? `did you mean ${suggestion}?` : "see vmbuilder --help";
  return new VmbuilderError("usage", message, { hint, cause: error });
}
