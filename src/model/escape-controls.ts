/** C0, DEL, C1, line separators, bidirectional controls, lone surrogates: all that moves a cursor or lies about order. */
const UNSAFE = /[\p{Cc}\p{Cs}\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/gu;

/** Makes text of unknown origin safe to print: one line, control characters shown as `\x1b`, tabs as a space. */
export function escapeControls(text: string): string {
  return text.replaceAll("\t", " ").replace(UNSAFE, (character) => {
    const code = character.charCodeAt(0);
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u${code.toString(16).padStart(4, "0")}`;
  });
}
