import { closeSync, openSync, writeFileSync, writeSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Database } from "./database.ts";

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "vmbuilder-database-"));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

const path = (name: string) => join(directory, `${name}.sqlite`);

describe("Database", () => {
  it("says that a file is none of its own, or damaged", () => {
    writeFileSync(path("text"), "this is no database, however long it may be\n".repeat(100));
    expect(() => new Database(path("text"))).toThrow(expect.objectContaining({ code: "database-unusable" }));
    const good = new Database(path("damaged"));
    for (let i = 0; i < 500; i++)
      good.run("INSERT INTO audit (at, action, target) VALUES (1, 'a', ?)", "x".repeat(500));
    good.close();
    const raw = new DatabaseSync(path("damaged"));
    raw.exec("PRAGMA wal_checkpoint(TRUNCATE); PRAGMA journal_mode = DELETE");
    const root = Number(raw.prepare("SELECT rootpage FROM sqlite_master WHERE name = 'audit'").get()?.rootpage);
    const size = Number(raw.prepare("PRAGMA page_size").get()?.page_size);
    raw.close();
    const file = openSync(path("damaged"), "r+");
    writeSync(file, Buffer.alloc(size, 0xff), 0, size, (root - 1) * size);
    closeSync(file);
    const damaged = new Database(path("damaged"));
    expect(() => damaged.check()).toThrow(expect.objectContaining({ code: "database-unusable" }));
    damaged.close();
  });

  it("is refused to a program that is older than the file", () => {
    new Database(path("newer")).close();
    const raw = new DatabaseSync(path("newer"));
    raw.exec("PRAGMA user_version = 1000");
    raw.close();
    expect(() => new Database(path("newer"))).toThrow(
      expect.objectContaining({ code: "database-unusable", message: expect.stringContaining("newer") }),
    );
  });

  it("says that another process has it for too long", { timeout: 20_000 }, () => {
    const database = new Database(path("busy"));
    const other = new DatabaseSync(path("busy"));
    other.exec("BEGIN IMMEDIATE");
    expect(() => database.run("DELETE FROM audit")).toThrow(expect.objectContaining({ code: "database-busy" }));
    other.exec("ROLLBACK");
    expect(database.run("DELETE FROM audit")).toBe(0);
    other.close();
    database.close();
  });

  it("says that there is no room, and works again when there is", () => {
    const database = new Database(path("full"));
    const pages = Number(database.get("PRAGMA page_count")?.page_count);
    database.get(`PRAGMA max_page_count = ${pages + 4}`);
    const insert = () => database.run("INSERT INTO audit (at, action, target) VALUES (1, 'a', ?)", "x".repeat(100_000));
    expect(insert).toThrow(expect.objectContaining({ code: "disk-full" }));
    database.get("PRAGMA max_page_count = 100000");
    expect(insert()).toBe(1);
    database.close();
  });

  it("says that it cannot be written", () => {
    const database = new Database(path("read-only"));
    database.run("PRAGMA query_only = 1");
    expect(() => database.run("INSERT INTO audit (at, action, target) VALUES (1, 'x', 'y')")).toThrow(
      expect.objectContaining({ code: "database-unusable", message: expect.stringContaining("readonly") }),
    );
    database.close();
  });

  it("does all of a transaction or nothing", () => {
    const database = new Database(path("transaction"));
    const half = () =>
      database.transaction(() => {
        database.run("INSERT INTO audit (at, action, target) VALUES (1, 'a', 'b')");
        throw new Error("half");
      });
    expect(half).toThrow("half");
    expect(database.all("SELECT * FROM audit")).toEqual([]);
    database.close();
  });
});
