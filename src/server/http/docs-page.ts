interface Operation {
  readonly "summary": string;
  readonly "tags": readonly string[];
  readonly "x-role": string;
  readonly "parameters"?: readonly { name: string; in: string }[];
  readonly "requestBody"?: object;
  readonly "responses": object;
}

/** The API's description as a page that needs no script. */
export function renderDocs(api: Record<string, unknown>): string {
  const { paths, components } = api as {
    paths: Record<string, Record<string, Operation>>;
    components: { schemas: object };
  };
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, ...operation })),
  );
  const groups = [...new Set(operations.map(({ tags }) => tags[0] ?? ""))];
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>vmbuilder API</title>
<style>
  :root { color-scheme: light dark }
  body { font: 1rem/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
  summary { cursor: pointer; padding: .4rem 0 }
  pre { overflow: auto; padding: .8rem; background: #8881; border-radius: .4rem; font-size: .85rem }
  code b { display: inline-block; min-width: 4.5em }
  small { opacity: .75 }
</style></head><body>
<h1>vmbuilder API</h1>
<p>The same as <a href="openapi.json">openapi.json</a>.</p>
${groups
  .map(
    (group) =>
      `<h2>${escapeHtml(group)}</h2>\n${operations
        .filter(({ tags }) => tags[0] === group)
        .map(renderOperation)
        .join("\n")}`,
  )
  .join("\n")}
<h2>Shapes</h2>
${Object.entries(components.schemas)
  .map(([name, schema]) => details(`<code>${escapeHtml(name)}</code>`, schema))
  .join("\n")}
</body></html>
`;
}

function renderOperation({
  path,
  method,
  summary,
  ...operation
}: Operation & { path: string; method: string }): string {
  const title = `<code><b>${method.toUpperCase()}</b> ${escapeHtml(path.slice(1))}</code> ${escapeHtml(summary)} <small>${operation["x-role"]}</small>`;
  const { parameters, requestBody, responses } = operation;
  return details(title, { parameters, requestBody, responses });
}

function details(title: string, content: object): string {
  return `<details><summary>${title}</summary><pre>${escapeHtml(JSON.stringify(content, null, 2))}</pre></details>`;
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}
