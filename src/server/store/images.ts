import { VmbuilderError } from "../../model/errors.ts";
import type { ImageFacts, ImageFile } from "../jobs/job-store.ts";
import type { Database } from "./database.ts";
import { addEvent } from "./events.ts";
import { hashSecret, makeId, makeSecret } from "./secrets.ts";

/** What a build made. */
export interface Image {
  readonly number: number;
  readonly id: string;
  readonly owner: string;
  readonly name: string;
  readonly jobId: string;
  readonly isShared: boolean;
  readonly facts: ImageFacts & { readonly recipe: Record<string, unknown>; readonly fileNames: readonly string[] };
  readonly files: readonly ImageFile[];
  readonly sizeBytes: number;
  readonly createdAt: number;
  readonly removedAt: number | null;
  readonly purgeAt: number | null;
}

type ImageRow = Omit<Image, "isShared" | "facts" | "files"> & { isShared: number; facts: string; files: string };

/** How long a removed image can be brought back. */
export const UNDO_MS = 7 * 86_400_000;

/** An image of this id. */
export function findImage(database: Database, id: string): Image | undefined {
  const row = database.get<ImageRow>("SELECT * FROM images WHERE id = ?", id);
  return row && imageOf(row);
}

/** Which images are wanted. */
export interface ImageFilter {
  readonly visibleTo?: string | undefined;
  readonly text?: string | undefined;
  readonly isRemoved: boolean;
  readonly before?: number | undefined;
  readonly limit: number;
}

/** The newest first. */
export function listImages(database: Database, { visibleTo, text, isRemoved, before, limit }: ImageFilter): Image[] {
  const rows = database.all<ImageRow>(
    `SELECT * FROM images
     WHERE (?1 IS NULL OR owner = ?1 OR isShared) AND (?2 IS NULL OR instr(lower(name), lower(?2)))
       AND (removedAt IS NOT NULL) = ?3 AND (?4 IS NULL OR number < ?4)
     ORDER BY number DESC LIMIT ?5`,
    ...[visibleTo ?? null, text ?? null, Number(isRemoved), before ?? null, limit],
  );
  return rows.map(imageOf);
}

/** Changes an image, and tells those who watch. */
export function changeImage(
  database: Database,
  id: string,
  change: { name?: string | undefined; isShared?: boolean | undefined },
): Image {
  return database.transaction(() => {
    database.run(
      "UPDATE images SET name = coalesce(?, name), isShared = coalesce(?, isShared) WHERE id = ?",
      ...[change.name ?? null, change.isShared === undefined ? null : Number(change.isShared), id],
    );
    return announce(database, id);
  });
}

/** Removes an image for the time being. @throws gone */
export function removeImage(database: Database, id: string): Image {
  return database.transaction(() => {
    const now = Date.now();
    const isNew = database.run(
      "UPDATE images SET removedAt = ?, purgeAt = ? WHERE id = ? AND removedAt IS NULL",
      ...[now, now + UNDO_MS, id],
    );
    if (isNew === 0) throw new VmbuilderError("gone", "this image was removed already", { hint: "it can be restored" });
    return announce(database, id);
  });
}

/** Brings a removed image back. @throws conflict */
export function restoreImage(database: Database, id: string): Image {
  return database.transaction(() => {
    const isBack = database.run(
      "UPDATE images SET removedAt = NULL, purgeAt = NULL WHERE id = ? AND removedAt IS NOT NULL",
      id,
    );
    if (isBack === 0) throw new VmbuilderError("conflict", "this image was not removed");
    return announce(database, id);
  });
}

/** Forgets an image; its folder is the caller's business. */
export function forgetImage(database: Database, { id, owner, isShared }: Image): void {
  database.transaction(() => {
    database.run("DELETE FROM images WHERE id = ?", id);
    addEvent(database, Date.now(), "removed", id, { kind: "image", id, owner, isShared });
  });
}

/** Removed images whose time is over. */
export function imagesToPurge(database: Database): Image[] {
  return database.all<ImageRow>("SELECT * FROM images WHERE purgeAt < ?", Date.now()).map(imageOf);
}

/** Ids of all images. */
export function imageIds(database: Database): Set<string> {
  return new Set(database.all<{ id: string }>("SELECT id FROM images").map(({ id }) => id));
}

/** An address that gives an image to whoever has it, for a time. */
export interface Link {
  readonly id: string;
  readonly imageId: string;
  readonly createdAt: number;
  readonly expiresAt: number;
}

/** Makes a link. @returns with its secret, which is not kept */
export function addLink(database: Database, imageId: string, lifeMs: number): Link & { readonly secret: string } {
  const [id, secret, createdAt] = [makeId(), makeSecret(), Date.now()];
  const expiresAt = createdAt + lifeMs;
  database.run(
    "INSERT INTO links (id, hash, imageId, createdAt, expiresAt) VALUES (?, ?, ?, ?, ?)",
    ...[id, hashSecret(secret), imageId, createdAt, expiresAt],
  );
  return { id, imageId, createdAt, expiresAt, secret };
}

/** The links to an image that are good. */
export function listLinks(database: Database, imageId: string): Link[] {
  database.run("DELETE FROM links WHERE expiresAt < ?", Date.now());
  return database.all<Link>(
    "SELECT id, imageId, createdAt, expiresAt FROM links WHERE imageId = ? ORDER BY createdAt DESC",
    imageId,
  );
}

/** @returns false when there is no such link */
export function removeLink(database: Database, imageId: string, id: string): boolean {
  return database.run("DELETE FROM links WHERE imageId = ? AND id = ?", imageId, id) > 0;
}

/** The image that a link gives, unless it was removed or the link's time is over. */
export function linkedImage(database: Database, secret: string): { image: Image; expiresAt: number } | undefined {
  const link = database.get<Link>(
    "SELECT * FROM links WHERE hash = ? AND expiresAt > ?",
    ...[hashSecret(secret), Date.now()],
  );
  const image = link && findImage(database, link.imageId);
  return image && image.removedAt === null ? { image, expiresAt: link.expiresAt } : undefined;
}

function announce(database: Database, id: string): Image {
  addEvent(database, Date.now(), "image", id);
  const image = findImage(database, id);
  if (!image) throw new VmbuilderError("not-found", "there is no such image");
  return image;
}

function imageOf(row: ImageRow): Image {
  return { ...row, isShared: row.isShared === 1, facts: JSON.parse(row.facts), files: JSON.parse(row.files) };
}
