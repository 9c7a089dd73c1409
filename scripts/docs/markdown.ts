import { posix } from "node:path";
import { Marked } from "marked";
import { escapeHtml, plainText, slug } from "./html.ts";
import { type Heading, type Page, relativePath } from "./page.ts";

/** Inline code up to this length isn't broken at a line's end. */
const LONGEST_UNBROKEN = 24;

/** Where each source file, and each folder that has a page, lies in the site. */
export type Targets = ReadonlyMap<string, string>;

/**
 * Makes a page of a Markdown file. Links to other sources lead to their pages.
 *
 * @param source its path from the root of the repository
 * @throws when a link leads to a file that has no page, or when the page doesn't begin with a heading
 */
export function renderMarkdown(source: string, path: string, text: string, targets: Targets): Page {
  const headings: Heading[] = [];
  const used = new Map<string, number>();
  const marked = new Marked({
    renderer: {
      heading({ tokens, depth }) {
        const html = this.parser.parseInline(tokens);
        const words = plainText(html);
        const base = slug(words);
        const times = used.get(base) ?? 0;
        used.set(base, times + 1);
        const id = times === 0 ? base : `${base}-${times}`;
        headings.push({ level: depth, id, text: words });
        return headingHtml(depth, id, html);
      },
      link({ href, tokens }) {
        return `<a href="${escapeHtml(linkTarget(source, path, href, targets))}">${this.parser.parseInline(tokens)}</a>`;
      },
      image({ href, text: alternative }) {
        return `<img src="${escapeHtml(linkTarget(source, path, href, targets))}" alt="${escapeHtml(alternative)}" loading="lazy">`;
      },
      codespan({ text: code }) {
        return `<code${code.length <= LONGEST_UNBROKEN ? ' class="short"' : ""}>${escapeHtml(code)}</code>`;
      },
      code({ text: code, lang }) {
        return codeBlock(code, lang);
      },
    },
  });
  const html = frameTables(marked.parse(text, { async: false }));
  const [first] = headings;
  if (first?.level !== 1) throw new Error(`${source} doesn't begin with a heading`);
  return { path, title: first.text, html, headings: headings.slice(1) };
}

/** A heading, which is a link to itself where it is no page's title. */
export function headingHtml(level: number, id: string, html: string): string {
  if (level === 1) return `<h1>${html}</h1>\n`;
  return `<h${level} id="${id}">${html} <a class="anchor" href="#${id}" aria-hidden="true" tabindex="-1">#</a></h${level}>\n`;
}

/** A block of code that scrolls by keyboard, too; remarks are dimmed. */
export function codeBlock(code: string, language = ""): string {
  const isShell = ["sh", "bash", "shell"].includes(language);
  const withRemarks = isShell || ["yaml", "ini"].includes(language);
  const lines = escapeHtml(code).split("\n");
  const body = lines.map((line) =>
    withRemarks ? line.replace(/(^|\s)(#(?!\d+;).*)$/, '$1<span class="remark">$2</span>') : line,
  );
  const kind = isShell ? "shell" : language === "" ? "plain" : "text";
  return `<pre class="${kind}" tabindex="0"><code>${body.join("\n")}</code></pre>\n`;
}

/** A wide table scrolls inside its frame. Headings without words are no headings. */
export function frameTables(html: string): string {
  return html
    .replaceAll(/<thead>\s*<tr>(\s*<th[^>]*><\/th>)+\s*<\/tr>\s*<\/thead>\s*/g, "")
    .replaceAll(/<th([^>]*)><\/th>/g, "<td$1></td>")
    .replaceAll("<table>", '<div class="table" tabindex="0"><table>')
    .replaceAll("</table>", "</table></div>");
}

function linkTarget(source: string, path: string, href: string, targets: Targets): string {
  if (/^(https?:|mailto:|#)/.test(href)) return href;
  const [file = "", anchor] = href.split("#");
  const wanted = posix.normalize(posix.join(posix.dirname(source), file)).replace(/\/$/, "");
  const target = targets.get(wanted);
  if (target === undefined) throw new Error(`${source}: the link ${href} leads to no page of the site`);
  return relativePath(path, target) + (anchor === undefined ? "" : `#${anchor}`);
}
