import { createPaint, wantsColor } from "./color.ts";
import { printableLines } from "./text.ts";

/** Says on standard error what people should know and need not do anything about; a line each. */
export function writeNotes(notes: readonly string[]): void {
  const paint = createPaint(wantsColor(process.stderr, process.env));
  for (const note of notes) {
    process.stderr.write(
      `${paint("bold", "vmbuilder:")} ${paint("yellow", "note:")} ${printableLines(note).join(" ")}\n`,
    );
  }
}
