import { chmod, copyFile, mkdtemp, rename, rm, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { VmbuilderError } from "../model/errors.ts";
import { fileError, syncPath } from "../system/files.ts";
import { recordAction } from "./store/audit.ts";
import { defaultDataDirectory, openDataFolder } from "./store/data-folder.ts";
import { Database } from "./store/database.ts";
import { keepInvitation } from "./store/invitation-file.ts";

/** What a backup holds. */
export interface BackupContents {
  readonly users: number;
  readonly profiles: number;
  readonly tokens: number;
}

/** "vmbb", in the header of a backup's SQLite file: no other database is taken for one. */
const APPLICATION_ID = 0x766d6262;
const TABLES = ["users", "profiles", "tokens"] as const;
/** A number is the order of creation, of one database alone. */
const COLUMNS: Record<(typeof TABLES)[number], string> = {
  users: "name, role, password, isDisabled, quota, createdAt, seenAt",
  profiles: "id, owner, name, isShared, recipe, createdAt, changedAt",
  tokens: "id, hash, user, name, createdAt, expiresAt, usedAt",
};

/**
 * Writes users, profiles and tokens of a server, which may be running, into one file of mode 0600. Images and builds are not in
 * it.
 *
 * @throws not-found without a server's database, conflict when the file is there already, disk-full
 */
export async function backupServer(dataDirectory: string | undefined, file: string): Promise<BackupContents> {
  const { path } = await existingFolder(dataDirectory);
  const target = resolve(file);
  if (await exists(target))
    throw new VmbuilderError("conflict", `${file} is there already`, { hint: "remove it, or give another name" });
  const work = await mkdtemp(join(dirname(target), ".vmbuilder-backup-")).catch((error: unknown) => {
    throw fileError(error, target);
  });
  try {
    const made = join(work, "backup");
    const contents = withDatabase(made, (backup) => {
      backup.run("ATTACH ? AS server", join(path, "server.sqlite"));
      backup.transaction(() => copyRows(backup, "server", "main"));
      backup.run("DETACH server");
      backup.run(`PRAGMA application_id = ${APPLICATION_ID}`);
      backup.get("PRAGMA journal_mode = DELETE"); // one file
      return countRows(backup);
    });
    await chmod(made, 0o600);
    await syncPath(made);
    await rename(made, target);
    await syncPath(dirname(target));
    return contents;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/**
 * Puts users, profiles and tokens of a backup into a server, which may be running. Those that it has under the same names become as
 * they were; others stay. All of it is done or nothing.
 *
 * @throws file-unreadable when the file is no whole backup, conflict when no admin would be left
 */
export async function restoreServer(dataDirectory: string | undefined, file: string): Promise<BackupContents> {
  const folder = await existingFolder(dataDirectory);
  const work = await mkdtemp(join(folder.work, "restore-"));
  try {
    const copy = join(work, "backup");
    await copyFile(resolve(file), copy).catch((error: unknown) => {
      throw new VmbuilderError("file-unreadable", `cannot read ${file}`, { cause: error });
    });
    const contents = readBackup(file, copy);
    withDatabase(folder.database, (server) => {
      server.run("ATTACH ? AS backup", copy);
      server.transaction(() => {
        replaceRows(server);
        keepAdmin(server, file);
        recordAction(server, {
          user: null,
          action: "restore backup",
          target: file,
          address: null,
          detail: "command line",
        });
      });
      server.run("DETACH backup");
    });
    await keepInvitation(folder, undefined);
    return contents;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** Looks through a copy of a backup, and brings an older one's tables into their present shape. */
function readBackup(file: string, copy: string): BackupContents {
  try {
    return withDatabase(copy, (backup) => {
      const id = Number(backup.get("PRAGMA application_id")?.application_id);
      if (id !== APPLICATION_ID) throw new Error("it was not made by vmbuilder server backup");
      backup.check();
      return countRows(backup);
    });
  } catch (cause) {
    const why = cause instanceof Error ? cause.message.replaceAll(copy, "it") : String(cause);
    throw new VmbuilderError("file-unreadable", `${file} is no backup of a server: ${why}`, {
      hint: "give a file that vmbuilder server backup has made",
      cause,
    });
  }
}

function copyRows(database: Database, from: string, to: string): void {
  for (const table of TABLES)
    database.run(`INSERT INTO ${to}.${table} (${COLUMNS[table]}) SELECT ${COLUMNS[table]} FROM ${from}.${table}`);
}

/** A user's other rows hang on its name: it is changed, not removed. */
function replaceRows(server: Database): void {
  server.run(
    "DELETE FROM main.tokens WHERE id IN (SELECT id FROM backup.tokens) OR hash IN (SELECT hash FROM backup.tokens)",
  );
  server.run(
    "DELETE FROM main.profiles WHERE id IN (SELECT id FROM backup.profiles) OR (owner, name) IN (SELECT owner, name FROM backup.profiles)",
  );
  server.run("DELETE FROM main.invitations WHERE user IN (SELECT name FROM backup.users)");
  server.run(
    `DELETE FROM main.sessions WHERE user IN
     (SELECT old.name FROM backup.users AS old JOIN main.users AS own ON own.name = old.name WHERE old.password IS NOT own.password)`,
  );
  server.run(
    `INSERT INTO main.users (${COLUMNS.users}) SELECT ${COLUMNS.users} FROM backup.users WHERE true
     ON CONFLICT (name) DO UPDATE SET role = excluded.role, password = excluded.password, isDisabled = excluded.isDisabled, quota = excluded.quota`,
  );
  for (const table of ["profiles", "tokens"] as const)
    server.run(`INSERT INTO main.${table} (${COLUMNS[table]}) SELECT ${COLUMNS[table]} FROM backup.${table}`);
}

function keepAdmin(server: Database, file: string): void {
  const admin = server.get(
    "SELECT name FROM main.users WHERE role = 'admin' AND NOT isDisabled AND password IS NOT NULL",
  );
  if (admin) return;
  throw new VmbuilderError("conflict", `by ${file} nobody would be left who can log in as admin`, {
    hint: "take a backup of a server whose admin has a password",
  });
}

function countRows(database: Database): BackupContents {
  const [users = 0, profiles = 0, tokens = 0] = TABLES.map((table) =>
    Number(database.get(`SELECT count(*) AS count FROM main.${table}`)?.count),
  );
  return { users, profiles, tokens };
}

function withDatabase<T>(path: string, work: (database: Database) => T): T {
  const database = new Database(path);
  try {
    return work(database);
  } finally {
    database.close();
  }
}

async function existingFolder(dataDirectory: string | undefined) {
  const directory = dataDirectory ?? defaultDataDirectory();
  if (!(await exists(join(directory, "server.sqlite"))))
    throw new VmbuilderError("not-found", `there is no server's database in ${directory}`, {
      hint: "give its --data-dir, or start vmbuilder serve first",
    });
  return openDataFolder(directory);
}

function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
