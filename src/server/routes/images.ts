import { rm } from "node:fs/promises";
import { join } from "node:path";
import { stringify } from "yaml";
import * as z from "zod";
import { VmbuilderError } from "../../model/errors.ts";
import { sendFile } from "../http/download.ts";
import { type Ask, type Route, route, type UserAsk } from "../http/route.ts";
import { apiPath, imageSchema, isoTime, sharedSchema, showFiles, showImage } from "../http/views.ts";
import {
  addLink,
  changeImage,
  findImage,
  forgetImage,
  type Image,
  linkedImage,
  listImages,
  listLinks,
  removeImage,
  removeLink,
  restoreImage,
} from "../store/images.ts";
import { keptRecipe } from "./builds.ts";
import { audit, listOf, owned, pageOf, pageQuery, seen, visibleTo } from "./common.ts";

const DAY_SECONDS = 86_400;
const flag = z.enum(["true", "false"]).default("false");
const linkSchema = z
  .object({ id: z.string(), createdAt: z.iso.datetime(), expiresAt: z.iso.datetime() })
  .meta({ id: "Link" });

/** What was built. */
export const IMAGE_ROUTES: readonly Route[] = [
  route({
    method: "get",
    path: "/images",
    summary: "Lists images, the newest first",
    access: "user",
    query: z.object({ ...pageQuery, q: z.string().max(100).optional(), removed: flag }),
    answers: { 200: listOf(imageSchema) },
    async handle({ query, caller, server }) {
      const { q, removed, cursor, limit } = query;
      const filter = {
        visibleTo: visibleTo(caller.user),
        text: q,
        isRemoved: removed === "true",
        before: cursor,
        limit,
      };
      const images = listImages(server.database, filter);
      return { status: 200, body: pageOf(images, limit, (image) => showImage(image, caller.user, server)) };
    },
  }),
  route({
    method: "get",
    path: "/images/{id}",
    summary: "Shows an image",
    access: "user",
    answers: { 200: imageSchema },
    handle: async (ask) => shown(ask, seenImage(ask)),
  }),
  route({
    method: "patch",
    path: "/images/{id}",
    summary: "Changes its name, or who sees it",
    access: "builder",
    body: z.strictObject({ name: z.string().trim().min(1).max(100).optional(), isShared: z.boolean().optional() }),
    answers: { 200: imageSchema },
    handle: async (ask) => shown(ask, changeImage(ask.server.database, ownedImage(ask).id, ask.body)),
  }),
  route({
    method: "delete",
    path: "/images/{id}",
    summary: "Removes an image; it can be restored for a while, unless now=true",
    access: "builder",
    query: z.object({ now: flag }),
    answers: { 200: imageSchema, 204: undefined },
    async handle(ask) {
      const { query, server } = ask;
      const image = ownedImage(ask);
      audit(ask, query.now === "true" ? "remove image for good" : "remove image", image.id, image.name);
      if (query.now !== "true") return shown(ask, removeImage(server.database, image.id));
      forgetImage(server.database, image);
      await rm(server.folder.image(image.id), { recursive: true, force: true });
      return { status: 204 };
    },
  }),
  route({
    method: "post",
    path: "/images/{id}/restore",
    summary: "Brings a removed image back",
    access: "builder",
    answers: { 200: imageSchema },
    async handle(ask) {
      const image = restoreImage(ask.server.database, ownedImage(ask).id);
      audit(ask, "restore image", image.id, image.name);
      return shown(ask, image);
    },
  }),
  route({
    method: "get",
    path: "/images/{id}/recipe",
    summary: "Shows what an image was made from, without passwords",
    access: "user",
    answers: { 200: keptRecipe },
    async handle(ask) {
      const { recipe, fileNames } = seenImage(ask).facts;
      return { status: 200, body: { recipe, yaml: stringify(recipe), fileNames } };
    },
  }),
  route({
    method: "get",
    path: "/images/{id}/files/{file}",
    summary: "Gives a file, or a range of it",
    access: "user",
    headers: { Range: "bytes of the file", "If-Range": "its ETag" },
    answers: { 200: "application/octet-stream", 206: "application/octet-stream" },
    handle: async (ask) => give(ask, seenImage(ask)),
  }),
  route({
    method: "get",
    path: "/images/{id}/links",
    summary: "Lists the links to an image that are good",
    access: "builder",
    answers: { 200: listOf(linkSchema) },
    async handle(ask) {
      const items = listLinks(ask.server.database, ownedImage(ask).id).map(showLink);
      return { status: 200, body: { items, next: null } };
    },
  }),
  route({
    method: "post",
    path: "/images/{id}/links",
    summary: "Makes a link that gives an image to whoever has it, for a time",
    access: "builder",
    body: z.strictObject({
      expiresInSeconds: z
        .int()
        .min(60)
        .max(30 * DAY_SECONDS)
        .default(DAY_SECONDS),
    }),
    answers: { 201: linkSchema.extend({ url: z.string() }).meta({ id: "NewLink" }) },
    async handle(ask) {
      const { body, server } = ask;
      const image = ownedImage(ask);
      if (image.removedAt !== null)
        throw new VmbuilderError("gone", "this image was removed", { hint: "restore it first" });
      const { secret, ...link } = addLink(server.database, image.id, body.expiresInSeconds * 1000);
      audit(ask, "share image", image.id, isoTime(link.expiresAt));
      return { status: 201, body: { ...showLink(link), url: `${origin(ask)}${apiPath(server)}shared/${secret}` } };
    },
  }),
  route({
    method: "delete",
    path: "/images/{id}/links/{linkId}",
    summary: "Ends a link",
    access: "builder",
    answers: { 204: undefined },
    async handle(ask) {
      const { params, server } = ask;
      const image = ownedImage(ask);
      if (!removeLink(server.database, image.id, params.linkId ?? ""))
        throw new VmbuilderError("not-found", "there is no such link");
      audit(ask, "end link", image.id);
      return { status: 204 };
    },
  }),
  route({
    method: "get",
    path: "/shared/{token}",
    summary: "Shows what a link gives",
    access: "anyone",
    answers: { 200: sharedSchema },
    async handle(ask) {
      const { image, expiresAt } = shared(ask);
      const files = showFiles(image, `${apiPath(ask.server)}shared/${ask.params.token}/`);
      return { status: 200, body: { name: image.name, expiresAt: isoTime(expiresAt), files } };
    },
  }),
  route({
    method: "get",
    path: "/shared/{token}/{file}",
    summary: "Gives a file to whoever has the link",
    access: "anyone",
    headers: { Range: "bytes of the file", "If-Range": "its ETag" },
    answers: { 200: "application/octet-stream", 206: "application/octet-stream" },
    handle: async (ask) => give(ask, shared(ask).image),
  }),
];

/** Only names that the image's list has lead to a file. */
async function give({ params, request, server }: Ask, image: Image): Promise<Response> {
  if (image.removedAt !== null)
    throw new VmbuilderError("gone", "this image was removed", { hint: "restore it first" });
  const file = image.files.find(({ name }) => name === params.file);
  if (!file) throw new VmbuilderError("not-found", "this image has no such file");
  server.counters.downloads++;
  return sendFile(request, { ...file, path: join(server.folder.image(image.id), file.name) });
}

function shared({ params, server }: Ask): { image: Image; expiresAt: number } {
  const found = linkedImage(server.database, params.token ?? "");
  if (found) return found;
  throw new VmbuilderError("not-found", "this link leads nowhere, or has ended");
}

function shown({ caller, server }: UserAsk, image: Image): { status: 200; body: unknown } {
  return { status: 200, body: showImage(image, caller.user, server) };
}

function seenImage({ params, caller, server }: UserAsk): Image {
  return seen(findImage(server.database, params.id ?? ""), caller.user, "image");
}

function ownedImage({ params, caller, server }: UserAsk): Image {
  return owned(findImage(server.database, params.id ?? ""), caller.user, "image");
}

function origin({ server, request }: Ask): string {
  const { settings } = server;
  return settings.origin || `${settings.isSecure ? "https" : "http"}://${request.headers.get("host")}`;
}

function showLink(link: { id: string; createdAt: number; expiresAt: number }): z.output<typeof linkSchema> {
  return { id: link.id, createdAt: isoTime(link.createdAt), expiresAt: isoTime(link.expiresAt) };
}
