import MiniSearch from "minisearch";
import { plainText } from "./html.ts";
import type { Page } from "./page.ts";

/** What is searched, and how: the browser opens the index with the same words. Kept in one place with `web/help/search.ts`. */
export const SEARCH_OPTIONS = {
  fields: ["title", "page", "text"],
  storeFields: ["title", "page", "excerpt"],
};

const EXCERPT_CHARACTERS = 120;

/** The index as text: a document for each page's beginning and for each part under a heading. Its id is its address. */
export function searchIndex(pages: readonly Page[]): string {
  const index = new MiniSearch(SEARCH_OPTIONS);
  index.addAll(pages.flatMap(partsOf));
  return JSON.stringify(index);
}

function partsOf(page: Page): object[] {
  const [beginning = "", ...rest] = page.html.split(/(?=<h[2-6] id=)/);
  const parts = [
    { id: page.path, title: page.title, page: "", html: beginning.replace(/<h1>.*?<\/h1>/s, "") },
    ...rest.map((html) => {
      const id = /id="([^"]*)"/.exec(html)?.[1] ?? "";
      const title = page.headings.find((heading) => heading.id === id)?.text ?? "";
      return { id: `${page.path}#${id}`, title, page: page.title, html: html.replace(/<h[2-6].*?<\/h[2-6]>/s, "") };
    }),
  ];
  return parts.map(({ html, ...part }) => {
    const text = plainText(html);
    return { ...part, text, excerpt: shorten(text) };
  });
}

function shorten(text: string): string {
  if (text.length <= EXCERPT_CHARACTERS) return text;
  return `${text.slice(0, text.lastIndexOf(" ", EXCERPT_CHARACTERS))} …`;
}
