/** A heading inside a page. */
export interface Heading {
  readonly level: number;
  readonly id: string;
  readonly text: string;
}

/** A page before it gets what stands around it. */
export interface Page {
  /** File of the site, such as `decisions/0020-machines.html`. */
  readonly path: string;
  readonly title: string;
  /** What is inside of `main`, with the heading of level 1. */
  readonly html: string;
  readonly headings: readonly Heading[];
}

/** From one page of the site to another, or to a file: `../recipes.html`. */
export function relativePath(from: string, to: string): string {
  return "../".repeat(from.split("/").length - 1) + to;
}
