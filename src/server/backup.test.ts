import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { backupServer, restoreServer } from "./backup.ts";
import { Database } from "./store/database.ts";
import { addToken } from "./store/sessions.ts";
import { addUser, findUser, invite, invitedUser, setPassword } from "./store/users.ts";

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "vmbuilder-backup-"));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

const path = (name: string) => join(directory, name);

/** Makes a server's data folder and lets somebody fill its database. */
async function makeServer(name: string, fill: (database: Database) => void): Promise<string> {
  await mkdir(path(name));
  const database = new Database(join(path(name), "server.sqlite"));
  fill(database);
  database.close();
  return path(name);
}

function look<T>(folder: string, work: (database: Database) => T): T {
  const database = new Database(join(folder, "server.sqlite"));
  try {
    return work(database);
  } finally {
    database.close();
  }
}

function addProfile(database: Database, id: string, owner: string, name: string, recipe: string): void {
  database.run(
    "INSERT INTO profiles (id, owner, name, isShared, recipe, createdAt, changedAt) VALUES (?, ?, ?, 0, ?, 1, 1)",
    ...[id, owner, name, recipe],
  );
}

async function makeFilled(name: string): Promise<string> {
  return makeServer(name, (database) => {
    addUser(database, "admin", "admin");
    setPassword(database, "admin", "hash of the admin");
    addUser(database, "ann", "builder");
    addToken(database, "ann", "ci", null);
    addProfile(database, "p1", "ann", "small", "{}");
  });
}

describe("backup and restore", () => {
  it("bring users, profiles and tokens into a new server, whose first link ends", async () => {
    const old = await makeFilled("old");
    expect(await backupServer(old, path("backup"))).toEqual({ users: 2, profiles: 1, tokens: 1 });
    expect((await stat(path("backup"))).mode & 0o777).toBe(0o600);
    let link = "";
    const fresh = await makeServer("fresh", (database) => {
      addUser(database, "admin", "admin");
      link = invite(database, "admin");
      addUser(database, "bob", "builder");
      addProfile(database, "p9", "ann", "small", '{"of":"the new one"}');
    });
    await writeFile(join(fresh, "invitation"), "http://localhost/#/invitation/x\n");
    expect(await restoreServer(fresh, path("backup"))).toEqual({ users: 2, profiles: 1, tokens: 1 });
    look(fresh, (database) => {
      expect(findUser(database, "admin")?.password).toBe("hash of the admin");
      expect(findUser(database, "bob")?.role).toBe("builder");
      expect(invitedUser(database, link)).toBeUndefined();
      expect(database.all("SELECT id, recipe FROM profiles")).toEqual([{ id: "p1", recipe: "{}" }]);
      expect(database.all("SELECT user, name FROM tokens")).toEqual([{ user: "ann", name: "ci" }]);
      expect(database.get("SELECT action FROM audit")).toEqual({ action: "restore backup" });
    });
    expect(await readdir(fresh)).not.toContain("invitation");
    expect(await readdir(join(fresh, "work"))).toEqual([]);
    expect(await restoreServer(fresh, path("backup")), "and once more").toEqual({ users: 2, profiles: 1, tokens: 1 });
  });

  it("refuse what is no backup, and leave everything as it was", async () => {
    const server = await makeFilled("whole");
    await writeFile(path("text"), "no database\n".repeat(500));
    for (const file of [path("text"), join(server, "server.sqlite"), path("missing")])
      await expect(restoreServer(server, file)).rejects.toMatchObject({ code: "file-unreadable" });
    await expect(backupServer(path("nowhere"), path("other"))).rejects.toMatchObject({ code: "not-found" });
    await expect(backupServer(server, path("text"))).rejects.toMatchObject({ code: "conflict" });
    expect(look(server, (database) => findUser(database, "ann")?.role)).toBe("builder");
  });

  it("take back everything when nobody could log in as admin", async () => {
    const empty = await makeServer("empty", (database) => addUser(database, "admin", "admin"));
    await backupServer(empty, path("backup-without-password"));
    const server = await makeFilled("kept");
    await expect(restoreServer(server, path("backup-without-password"))).rejects.toMatchObject({ code: "conflict" });
    expect(look(server, (database) => findUser(database, "admin")?.password)).toBe("hash of the admin");
  });
});
