import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe } from "vitest";
import { jobStoreSuite } from "../../../test/fixtures/job-store-suite.ts";
import { Database } from "../store/database.ts";
import { SqliteJobStore } from "./sqlite-job-store.ts";

let directory: string;
let opened: Database[] = [];
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "vmbuilder-jobs-"));
});
afterAll(async () => {
  for (const database of opened) database.close();
  opened = [];
  await rm(directory, { recursive: true, force: true });
});

describe("SqliteJobStore", () => {
  jobStoreSuite(() => {
    const path = join(directory, `${opened.length}.sqlite`);
    let now = Date.now();
    const connect = () => {
      const database = new Database(path);
      opened.push(database);
      return database;
    };
    const database = connect();
    return {
      store: new SqliteJobStore(database, () => now),
      reopen: () => new SqliteJobStore(connect(), () => now),
      pass: (ms) => {
        now += ms;
      },
      imageCount: () => Number(database.get("SELECT count(*) AS count FROM images")?.count),
    };
  });
});
