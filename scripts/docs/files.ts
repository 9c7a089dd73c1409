import { MAN_ENVIRONMENT, MAN_EXIT_STATUS, MAN_FILES } from "../../src/cli/man-text.ts";
import { ERROR_TABLE } from "../../src/model/errors.ts";
import { describe, escapeHtml } from "./html.ts";
import type { Page } from "./page.ts";
import { writePage } from "./page-writer.ts";

/** What is read and written, and how it ends: from the manual's text and the table of errors. */
export function filesPage(): Page {
  const page = writePage(
    "files.html",
    "Files, environment, exit status",
    "Made from the same texts as the manual page, and from the program's table of errors.",
  );
  for (const [title, entries] of [
    ["Files", MAN_FILES],
    ["Environment", MAN_ENVIRONMENT],
    ["Exit status", MAN_EXIT_STATUS],
  ] as const) {
    page.heading(2, title);
    page.terms(entries.map(({ term, text }) => ({ term: `<code>${escapeHtml(term)}</code>`, text: describe(text) })));
  }
  page.heading(2, "Errors");
  page.html(
    "<p>An error is one line that ends with its code in brackets, and a hint. The API answers with the same code.</p>\n",
  );
  const rows = Object.entries(ERROR_TABLE).map(([code, { exitStatus, httpStatus }]) => {
    return `<tr id="${code}"><td><code>${code}</code></td><td>${exitStatus}</td><td>${httpStatus}</td></tr>`;
  });
  page.html(
    `<div class="table" tabindex="0"><table>\n<thead><tr><th>code</th><th>exit status</th><th>HTTP status</th></tr></thead>\n<tbody>\n${rows.join("\n")}\n</tbody></table></div>\n`,
  );
  return page.page();
}
