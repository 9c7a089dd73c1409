import { escapeHtml, plainText, slug } from "./html.ts";
import { headingHtml } from "./markdown.ts";
import type { Heading, Page } from "./page.ts";

/** What stands in a list of terms. Both are HTML. */
export interface Term {
  readonly id?: string;
  readonly term: string;
  readonly text: string;
}

/** Collects a generated page, piece by piece. */
export interface PageWriter {
  heading(level: number, html: string, id?: string): void;
  html(text: string): void;
  terms(terms: readonly Term[]): void;
  page(): Page;
}

/** Begins a generated page. */
export function writePage(path: string, title: string, introduction: string): PageWriter {
  const headings: Heading[] = [];
  const parts = [headingHtml(1, "", escapeHtml(title)), `<p>${introduction}</p>\n`];
  return {
    heading(level, html, id = slug(plainText(html))) {
      headings.push({ level, id, text: plainText(html) });
      parts.push(headingHtml(level, id, html));
    },
    html: (text) => void parts.push(text),
    terms(terms) {
      if (terms.length > 0) parts.push(`<dl class="terms">\n${terms.map(termHtml).join("\n")}\n</dl>\n`);
    },
    page: () => ({ path, title, html: parts.join(""), headings }),
  };
}

function termHtml({ id, term, text }: Term): string {
  return `<div${id === undefined ? "" : ` id="${id}"`}><dt>${term}</dt><dd>${text}</dd></div>`;
}
