import { CONTENTS } from "./contents.ts";
import { escapeHtml } from "./html.ts";
import { type Page, relativePath } from "./page.ts";

const MARK = `<svg class="mark" viewBox="0 0 32 32" aria-hidden="true"><rect width="32" height="32" rx="8" class="mark-ground"/><path class="mark-top" d="M7 11.5 16 7l9 4.5-9 4.5z"/><path class="mark-lines" d="m7 16 9 4.5 9-4.5M7 20.5 16 25l9-4.5"/></svg>`;

/** The whole document. All of it can be read without a script; search, theme and copying are for those who have them. */
export function renderDocument(page: Page, version: string): string {
  const root = relativePath(page.path, "");
  const title = page.path === "index.html" ? "vmbuilder" : `${page.title} · vmbuilder`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escapeHtml(title)}</title>
<link rel="icon" href="${root}icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="${root}help.css">
<script src="${root}theme.js"></script>
<script src="${root}help.js" defer></script>
</head>
<body data-root="${root}">
<a class="skip" href="#content">Skip to the content</a>
<header>
<a class="brand" href="${root}index.html" aria-label="vmbuilder, documentation">${MARK}<span>vmbuilder</span></a>
<form class="search" role="search" hidden><input type="search" name="q" placeholder="Search" aria-label="Search the documentation" autocomplete="off" spellcheck="false"><kbd>/</kbd></form>
<a class="to-contents" href="#contents">Contents</a>
</header>
<div class="frame">
<main id="content" tabindex="-1">
<article>
${page.html}</article>
${around(page)}
</main>
<nav id="contents" aria-label="Contents">
${CONTENTS.map((section) => navSection(page, section)).join("\n")}
</nav>
${onThisPage(page)}</div>
<footer>vmbuilder ${escapeHtml(version)} · Apache-2.0 · <a href="${root}index.html">All pages</a></footer>
</body>
</html>
`;
}

function navSection(page: Page, { title, entries }: (typeof CONTENTS)[number]): string {
  const items = entries.map(({ path, name }) => {
    const isHere = path === page.path || (path === "decisions.html" && page.path.startsWith("decisions/"));
    const here = isHere ? ` aria-current="${path === page.path ? "page" : "true"}"` : "";
    return `<li><a href="${relativePath(page.path, path)}"${here}>${escapeHtml(name)}</a></li>`;
  });
  return `<h2>${escapeHtml(title)}</h2>\n<ul>\n${items.join("\n")}\n</ul>`;
}

function onThisPage({ headings }: Page): string {
  const shown = headings.filter(({ level }) => level <= 3);
  if (shown.length < 3) return "";
  const few = shown.length > 40 ? shown.filter(({ level }) => level === 2) : shown;
  const items = few.map(
    ({ level, id, text }) => `<li class="level-${level}"><a href="#${id}">${escapeHtml(text)}</a></li>`,
  );
  return `<nav class="on-this-page" aria-label="On this page">\n<h2>On this page</h2>\n<ul>\n${items.join("\n")}\n</ul>\n</nav>\n`;
}

/** The page before and the one after, in the order of the contents. */
function around(page: Page): string {
  const all = CONTENTS.flatMap(({ entries }) => entries);
  const at = all.findIndex(({ path }) => path === page.path);
  if (at === -1) return "";
  const link = (entry: (typeof all)[number] | undefined, kind: string, words: string) =>
    entry
      ? `<a class="${kind}" href="${relativePath(page.path, entry.path)}"><small>${words}</small>${escapeHtml(entry.name)}</a>`
      : "";
  return `<nav class="around" aria-label="Neighbours">${link(all[at - 1], "before", "Before")}${link(all[at + 1], "after", "Next")}</nav>`;
}
