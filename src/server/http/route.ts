import type * as z from "zod";
import type { ServerContext } from "../server-context.ts";
import type { Caller } from "../store/sessions.ts";

/** Who may use a route: everybody, whoever is logged in, or from a role on. */
export type Access = "anyone" | "user" | "builder" | "admin";
/** What a route answers beside JSON. */
export type MediaType = "text/plain" | "text/event-stream" | "application/octet-stream" | "text/html";
type Shape = z.ZodObject | undefined;
type Values<T extends Shape> = T extends z.ZodObject ? z.output<T> : undefined;

/** One request to a route. */
export interface Ask<Body extends Shape = Shape, Query extends Shape = Shape> {
  readonly params: Readonly<Record<string, string>>;
  readonly body: Values<Body>;
  readonly query: Values<Query>;
  readonly request: Request;
  readonly address: string;
  readonly server: ServerContext;
}

/** A request of somebody who is logged in. */
export interface UserAsk<Body extends Shape = Shape, Query extends Shape = Shape> extends Ask<Body, Query> {
  readonly caller: Caller;
}

/** An answer as JSON; without a body there is none. */
export interface Answer {
  readonly status: 200 | 201 | 202 | 204;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A route of the API: what it takes and gives, who may use it, and what it does. OpenAPI is made from it. */
export interface Route {
  readonly method: "get" | "post" | "put" | "patch" | "delete";
  /** Below the API: `/builds/{id}`. */
  readonly path: string;
  readonly summary: string;
  readonly access: Access;
  readonly body?: z.ZodObject | undefined;
  readonly query?: z.ZodObject | undefined;
  readonly headers?: Readonly<Record<string, string>>;
  readonly answers: Readonly<Record<number, z.ZodType | MediaType | undefined>>;
  handle(ask: UserAsk): Promise<Answer | Response>;
}

interface RouteOf<A extends Access, Body extends Shape, Query extends Shape>
  extends Omit<Route, "handle" | "access" | "body" | "query"> {
  readonly access: A;
  readonly body?: Body;
  readonly query?: Query;
  handle(ask: A extends "anyone" ? Ask<Body, Query> : UserAsk<Body, Query>): Promise<Answer | Response>;
}

/** Defines a route; its handler's argument has the types of what it takes. */
export function route<A extends Access, Body extends Shape = undefined, Query extends Shape = undefined>(
  definition: RouteOf<A, Body, Query>,
): Route {
  return definition as unknown as Route;
}
