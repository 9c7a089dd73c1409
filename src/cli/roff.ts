/** Makes text literal in roff: backslashes, hyphens that are to be copied, and a line that looks like a request. */
export function roffText(text: string): string {
  const escaped = text.replaceAll("\\", "\\e").replaceAll("-", "\\-");
  return escaped.replaceAll(/^(?=[.'])/gm, "\\&");
}

/** Bold text within a line. */
export function bold(text: string): string {
  return `\\fB${roffText(text)}\\fR`;
}

/** Emphasized text within a line: what the reader replaces by a value. */
export function italic(text: string): string {
  return `\\fI${roffText(text)}\\fR`;
}

/** A section heading. */
export function section(title: string): string {
  return `.SH ${title}`;
}

/** A heading below a section. The title is roff already. */
export function subsection(title: string): string {
  return `.SS ${title}`;
}

/** A paragraph. The text is roff already. */
export function paragraph(text: string): string {
  return `.PP\n${text}`;
}

/** An entry with a hanging term. Both are roff already. */
export function entry(term: string, text: string): string {
  return `.TP\n${term}\n${text}`;
}

/** Lines as they are, indented, in a fixed font. */
export function example(lines: readonly string[]): string {
  return [".PP", ".RS 4", ".EX", ...lines.map(roffText), ".EE", ".RE"].join("\n");
}
