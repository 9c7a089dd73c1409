/**
 * Builds the documentation as a site of static files: pages of docs/, and a reference made from the program itself.
 *
 *   node scripts/docs/build.ts DIR      DIR must not exist
 */
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { buildSync } from "esbuild";
import { createProgram } from "../../src/cli/program.ts";
import { VERSION } from "../../src/model/version.ts";
import { apiOperationsPage } from "./api-operations.ts";
import { commandsPage } from "./commands.ts";
import { CONTENTS } from "./contents.ts";
import { filesPage } from "./files.ts";
import { escapeHtml } from "./html.ts";
import { renderMarkdown, type Targets } from "./markdown.ts";
import type { Page } from "./page.ts";
import { writePage } from "./page-writer.ts";
import { recipeKeysPage } from "./recipe-keys.ts";
import { searchIndex } from "./search-index.ts";
import { renderDocument } from "./template.ts";

const ROOT = join(import.meta.dirname, "../..");

buildSite(process.argv[2] ?? "dist/docs");

function buildSite(target: string): void {
  const decisions = readdirSync(join(ROOT, "docs/decisions"))
    .filter((name) => name.endsWith(".md"))
    .sort();
  const targets = targetsOf(decisions);
  checkContents(targets);
  const decisionPages = decisions.map((name) => markdownPage(`docs/decisions/${name}`, targets));
  const program = createProgram();
  const pages = [
    landingPage(targets),
    ...CONTENTS.flatMap(({ entries }) => entries).flatMap(({ source }) =>
      source ? [markdownPage(source, targets)] : [],
    ),
    commandsPage(program),
    recipeKeysPage(program),
    filesPage(),
    apiOperationsPage(VERSION),
    decisionsPage(decisionPages),
    ...decisionPages,
  ];
  for (const page of pages) {
    const path = join(target, page.path);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, renderDocument(page, VERSION));
  }
  writeAssets(target, pages);
}

/** Where each source lies in the site. */
function targetsOf(decisions: readonly string[]): Targets {
  return new Map([
    ["docs/index.md", "index.html"],
    ["README.md", "index.html"],
    ["docs/decisions", "decisions.html"],
    ...decisions.map((name): [string, string] => [
      `docs/decisions/${name}`,
      `decisions/${name.replace(/\.md$/, ".html")}`,
    ]),
    ...CONTENTS.flatMap(({ entries }) => entries).flatMap(({ source, path }): [string, string][] =>
      source ? [[source, path]] : [],
    ),
    ...pictures().map((name): [string, string] => [`docs/pictures/${name}`, `pictures/${name}`]),
  ]);
}

function pictures(): string[] {
  return readdirSync(join(ROOT, "docs"), { recursive: true, encoding: "utf8" })
    .filter((name) => name.startsWith("pictures/"))
    .map((name) => name.slice("pictures/".length));
}

function checkContents(targets: Targets): void {
  const missing = readdirSync(join(ROOT, "docs")).filter(
    (name) => name.endsWith(".md") && !targets.has(`docs/${name}`),
  );
  if (missing.length > 0) throw new Error(`scripts/docs/contents.ts doesn't list ${missing.join(", ")}`);
}

function markdownPage(source: string, targets: Targets): Page {
  return renderMarkdown(source, String(targets.get(source)), readFileSync(join(ROOT, source), "utf8"), targets);
}

/** The beginning, and below it all pages by kind. */
function landingPage(targets: Targets): Page {
  const page = markdownPage("docs/index.md", targets);
  const sections = CONTENTS.map(({ title, summary, entries }) => {
    const items = entries.map(({ path, name, summary: words }) => {
      return `<li><a href="${path}">${escapeHtml(name)}</a> <span>${escapeHtml(words)}</span></li>`;
    });
    return `<section class="kind"><h2>${escapeHtml(title)}</h2><p>${escapeHtml(summary)}</p>\n<ul>\n${items.join("\n")}\n</ul></section>`;
  });
  return { ...page, html: `${page.html}<div class="kinds">\n${sections.join("\n")}\n</div>\n` };
}

function decisionsPage(decisions: readonly Page[]): Page {
  const page = writePage(
    "decisions.html",
    "Decisions",
    "Choices that had alternatives: the question, the choice, and what follows from it.",
  );
  const items = decisions.map(({ path, title }) => {
    const number = /(\d{4})/.exec(path)?.[1];
    return `<li><a href="${path}">${escapeHtml(title.replace(/^\d{4}:? /, ""))}</a> <small>${number}</small></li>`;
  });
  page.html(`<ul class="decisions">\n${items.join("\n")}\n</ul>\n`);
  return page.page();
}

function writeAssets(target: string, pages: readonly Page[]): void {
  const style = [
    "src/styles/tokens.css",
    "src/styles/base.css",
    "src/styles/mark.css",
    "help/header.css",
    "help/help.css",
    "help/text.css",
  ];
  const css = style.map((name) => readFileSync(join(ROOT, "web", name), "utf8")).join("\n");
  writeFileSync(join(target, "help.css"), css);
  for (const name of ["icon.svg", "theme.js"]) cpSync(join(ROOT, "web/public", name), join(target, name));
  if (pictures().length > 0) cpSync(join(ROOT, "docs/pictures"), join(target, "pictures"), { recursive: true });
  buildSync({
    entryPoints: [join(ROOT, "web/help/help.ts")],
    outfile: join(target, "help.js"),
    bundle: true,
    minify: true,
    format: "iife",
    target: "es2022",
    legalComments: "eof",
    logLevel: "warning",
  });
  writeFileSync(
    join(target, "search-index.js"),
    `globalThis.vmbuilderSearchIndex = ${JSON.stringify(searchIndex(pages))};\n`,
  );
}
