import * as z from "zod";
import { ROUTES } from "../routes/index.ts";
import { errorSchema } from "./error-answer.ts";
import type { Route } from "./route.ts";

type Json = Record<string, unknown>;

const REASONS: Readonly<Record<number, string>> = {
  200: "OK",
  201: "Created",
  202: "Accepted",
  204: "Done",
  206: "A range",
  303: "Elsewhere",
};

/**
 * The API's description, made from the same table that serves it.
 *
 * @see https://spec.openapis.org/oas/v3.1.1
 */
export function describeApi(version: string, server: string): Json {
  const schemas: Json = {};
  const paths: Record<string, Json> = {};
  for (const route of ROUTES) {
    paths[route.path] ??= {};
    (paths[route.path] as Json)[route.method] = describeRoute(route, schemas);
  }
  return {
    openapi: "3.1.1",
    info: { title: "vmbuilder", version, summary: "Builds bootable virtual machines" },
    servers: [{ url: server }],
    paths,
    components: {
      schemas,
      securitySchemes: {
        token: { type: "http", scheme: "bearer", description: "vmbuilder token create --user U" },
        session: {
          type: "apiKey",
          in: "cookie",
          name: "vmbuilder_session",
          description: "POST session; changes take X-CSRF-Token",
        },
      },
    },
  };
}

function describeRoute({ method, path, summary, access, body, query, headers, answers }: Route, schemas: Json): Json {
  const parameters = [
    ...[...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
      name,
      in: "path",
      required: true,
      schema: { type: "string" },
    })),
    ...Object.entries(query?.shape ?? {}).map(([name, shape]) => {
      return { name, in: "query", schema: toSchema(shape as z.ZodType, schemas, "input") };
    }),
    ...Object.entries(headers ?? {}).map(([name, description]) => ({
      name,
      in: "header",
      description,
      schema: { type: "string" },
    })),
  ];
  const responses = Object.entries(answers).map(([status, shape]): [string, Json] => {
    const description = REASONS[Number(status)] ?? "";
    if (shape === undefined) return [status, { description }];
    if (typeof shape === "string")
      return [status, { description, content: { [shape]: { schema: { type: "string" } } } }];
    return [status, { description, content: { "application/json": { schema: toSchema(shape, schemas, "output") } } }];
  });
  const error = { "application/json": { schema: toSchema(errorSchema, schemas, "output") } };
  return {
    summary,
    operationId: `${method} ${path}`
      .replace(/[{}]/g, "")
      .replace(/[ /]+(\w)/g, (_, letter: string) => letter.toUpperCase()),
    tags: [path.split("/")[1] ?? ""],
    "x-role": access,
    ...(access === "anyone" ? { security: [] } : { security: [{ token: [] }, { session: [] }] }),
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(body
      ? {
          requestBody: {
            required: true,
            content: { "application/json": { schema: toSchema(body, schemas, "input") } },
          },
        }
      : {}),
    responses: { ...Object.fromEntries(responses), default: { description: "An error", content: error } },
  };
}

/** Named shapes go where all can refer to them. */
function toSchema(shape: z.ZodType, schemas: Json, io: "input" | "output"): Json {
  const {
    $schema: _,
    $defs = {},
    ...schema
  } = z.toJSONSchema(shape, { io, unrepresentable: "any" }) as Json & { $defs?: Json };
  const point = (value: Json): Json =>
    JSON.parse(JSON.stringify(value).replaceAll('"#/$defs/', '"#/components/schemas/')) as Json;
  for (const [name, definition] of Object.entries($defs)) schemas[name] = point(definition as Json);
  const { id, ...rest } = point(schema);
  if (typeof id !== "string") return rest;
  schemas[id] = rest;
  return { $ref: `#/components/schemas/${id}` };
}
