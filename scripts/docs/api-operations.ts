import { describeApi } from "../../src/server/http/openapi.ts";
import { escapeHtml } from "./html.ts";
import type { Page } from "./page.ts";
import { writePage } from "./page-writer.ts";
import { fieldsHtml, type Shape, shapeText } from "./shapes.ts";

interface Content {
  readonly description?: string;
  readonly content?: Readonly<Record<string, { readonly schema: Shape }>>;
}

interface Operation {
  readonly summary: string;
  readonly tags: readonly string[];
  readonly "x-role": string;
  readonly parameters?: readonly { name: string; in: string; description?: string; schema: Shape }[];
  readonly requestBody?: Content;
  readonly responses: Readonly<Record<string, Content>>;
}

interface Description {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Shape>> };
}

/** Every operation and every shape of the API, from its OpenAPI description. */
export function apiOperationsPage(version: string): Page {
  const { paths, components } = describeApi(version, "/vmbuilder/api/") as unknown as Description;
  const page = writePage(
    "api-operations.html",
    "Operations of the API",
    'Made from the OpenAPI description that a server has at <code>api/openapi.json</code>. What holds for all of them, such as errors, rights and events, is told in <a href="api.html">The HTTP API</a>.',
  );
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, ...operation })),
  );
  for (const [tag, members] of Map.groupBy(operations, ({ tags }) => tags[0] ?? "")) {
    page.heading(2, escapeHtml(tag), `on-${tag}`);
    for (const { path, method, summary, ...operation } of members) {
      const id = `${method}${path}`.replace(/[{}]/g, "").replaceAll("/", "-");
      page.heading(3, `<code>${method.toUpperCase()} ${escapeHtml(path.slice(1))}</code>`, id);
      page.html(
        `<p>${escapeHtml(summary)}. <small>For: ${operation["x-role"]}</small></p>\n${operationHtml(operation)}`,
      );
    }
  }
  page.heading(2, "Shapes");
  for (const [name, shape] of Object.entries(components.schemas)) {
    page.heading(3, escapeHtml(name));
    page.html(`${fieldsHtml(shape)}\n`);
  }
  return page.page();
}

function operationHtml({
  parameters = [],
  requestBody,
  responses,
}: Pick<Operation, "parameters" | "requestBody" | "responses">): string {
  const rows = parameters.map(({ name, in: place, description, schema }) => {
    const where = place === "path" ? "in the path" : place === "query" ? "query" : "header";
    return `<li><code>${escapeHtml(name)}</code> ${where}, ${shapeText(schema)}${description ? `: ${escapeHtml(description)}` : ""}</li>`;
  });
  const answers = Object.entries(responses).filter(([status]) => status !== "default");
  return [
    rows.length > 0 ? `<ul class="fields">\n${rows.join("\n")}\n</ul>\n` : "",
    requestBody ? `<p>Body: ${contentHtml(requestBody)}</p>${bodyFields(requestBody)}\n` : "",
    ...answers.map(([status, answer]) => `<p>Answer ${status}: ${contentHtml(answer)}</p>${bodyFields(answer)}\n`),
  ].join("");
}

function contentHtml({ description = "", content }: Content): string {
  const [kind] = Object.entries(content ?? {});
  if (kind === undefined) return escapeHtml(description).toLowerCase() || "nothing";
  const [type, { schema }] = kind;
  return type === "application/json" ? shapeText(schema) : `<code>${escapeHtml(type)}</code>`;
}

function bodyFields({ content }: Content): string {
  const schema = content?.["application/json"]?.schema;
  return schema === undefined ? "" : fieldsHtml(schema);
}
