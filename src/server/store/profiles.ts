import { VmbuilderError } from "../../model/errors.ts";
import type { Database } from "./database.ts";
import { addEvent } from "./events.ts";
import { makeId } from "./secrets.ts";

/** A recipe that is kept for later builds, as YAML. */
export interface Profile {
  readonly number: number;
  readonly id: string;
  readonly owner: string;
  readonly name: string;
  readonly isShared: boolean;
  readonly recipe: string;
  readonly createdAt: number;
  readonly changedAt: number;
}

type ProfileRow = Omit<Profile, "isShared"> & { readonly isShared: number };
/** What of a profile people write. */
export type ProfileContent = Pick<Profile, "name" | "isShared" | "recipe">;

/** A profile of this id. */
export function findProfile(database: Database, id: string): Profile | undefined {
  const row = database.get<ProfileRow>("SELECT * FROM profiles WHERE id = ?", id);
  return row && profileOf(row);
}

/** The profiles of a user, and shared ones; of nobody in particular: all. The newest first. */
export function listProfiles(
  database: Database,
  visibleTo: string | undefined,
  before: number | undefined,
  limit: number,
): Profile[] {
  const rows = database.all<ProfileRow>(
    `SELECT * FROM profiles WHERE (?1 IS NULL OR owner = ?1 OR isShared) AND (?2 IS NULL OR number < ?2)
     ORDER BY number DESC LIMIT ?3`,
    ...[visibleTo ?? null, before ?? null, limit],
  );
  return rows.map(profileOf);
}

/** Makes a profile, or gives one another content. @throws conflict when the user has another one of that name */
export function saveProfile(
  database: Database,
  owner: string,
  { name, isShared, recipe }: ProfileContent,
  id: string = makeId(),
): Profile {
  return database.transaction(() => {
    const namesake = database.get("SELECT id FROM profiles WHERE owner = ? AND name = ? AND id <> ?", owner, name, id);
    if (namesake)
      throw new VmbuilderError("conflict", `there is a profile "${name}" already`, {
        hint: "change that one, or take another name",
      });
    const now = Date.now();
    database.run(
      `INSERT INTO profiles (id, owner, name, isShared, recipe, createdAt, changedAt) VALUES (?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (id) DO UPDATE SET name = excluded.name, isShared = excluded.isShared, recipe = excluded.recipe,
         changedAt = excluded.changedAt`,
      ...[id, owner, name, Number(isShared), recipe, now, now],
    );
    addEvent(database, now, "profile", id, { id });
    const saved = findProfile(database, id);
    if (!saved) throw new VmbuilderError("not-found", "there is no such profile");
    return saved;
  });
}

/** Removes a profile. */
export function removeProfile(database: Database, id: string): void {
  database.transaction(() => {
    database.run("DELETE FROM profiles WHERE id = ?", id);
    addEvent(database, Date.now(), "profile", id, { id });
  });
}

function profileOf(row: ProfileRow): Profile {
  return { ...row, isShared: row.isShared === 1 };
}
