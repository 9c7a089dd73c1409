import { DatabaseSync, type SQLInputValue } from "node:sqlite";
import { VmbuilderError } from "../../model/errors.ts";
import { MIGRATIONS } from "./migrations.ts";

/** A row as the database gives it. */
export type Row = Record<string, SQLInputValue>;

const BUSY_MS = 5000;

/**
 * The server's database. Several processes may have it open; each change is one transaction, and waits for another's.
 *
 * @throws database-unusable, database-busy, disk-full
 */
export class Database {
  readonly #database: DatabaseSync;
  readonly #path: string;
  readonly #statements = new Map<string, ReturnType<DatabaseSync["prepare"]>>();

  constructor(path: string) {
    this.#path = path;
    this.#database = this.#guard(() => new DatabaseSync(path, { timeout: BUSY_MS }));
    this.#guard(() => {
      this.#database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON");
      this.#migrate();
    });
  }

  /** All rows of a query. */
  all<T = Row>(sql: string, ...values: SQLInputValue[]): T[] {
    return this.#guard(() => this.#prepare(sql).all(...values) as T[]);
  }

  /** The first row of a query. */
  get<T = Row>(sql: string, ...values: SQLInputValue[]): T | undefined {
    return this.#guard(() => this.#prepare(sql).get(...values) as T | undefined);
  }

  /** Changes rows. @returns how many */
  run(sql: string, ...values: SQLInputValue[]): number {
    return this.#guard(() => Number(this.#prepare(sql).run(...values).changes));
  }

  /** Does all of `work` or nothing of it; nobody else writes meanwhile. */
  transaction<T>(work: () => T): T {
    return this.#guard(() => {
      this.#database.exec("BEGIN IMMEDIATE");
      try {
        const result = work();
        this.#database.exec("COMMIT");
        return result;
      } catch (error) {
        if (this.#database.isTransaction) this.#database.exec("ROLLBACK");
        throw error;
      }
    });
  }

  /** Another one whenever this process or another has changed anything. @see https://sqlite.org/pragma.html#pragma_data_version */
  version(): string {
    const row = this.get("SELECT data_version AS others, total_changes() AS own FROM pragma_data_version");
    return `${row?.others} ${row?.own}`;
  }

  /** Looks through the whole file. @throws database-unusable when it is damaged */
  check(): void {
    const answer = this.get<{ quick_check: string }>("PRAGMA quick_check(1)")?.quick_check;
    if (answer !== "ok") throw this.#unusable(new Error(String(answer)));
  }

  close(): void {
    this.#statements.clear();
    this.#database.close();
  }

  #prepare(sql: string) {
    const known = this.#statements.get(sql);
    if (known) return known;
    const statement = this.#database.prepare(sql);
    this.#statements.set(sql, statement);
    return statement;
  }

  #migrate(): void {
    const version = () => Number(this.#database.prepare("PRAGMA user_version").get()?.user_version);
    if (version() > MIGRATIONS.length)
      throw new VmbuilderError("database-unusable", `${this.#path} was written by a newer vmbuilder`, {
        hint: "start that one, or give another --data-dir",
      });
    if (version() === MIGRATIONS.length) return;
    this.transaction(() => {
      for (const step of MIGRATIONS.slice(version())) this.#database.exec(step);
      this.#database.exec(`PRAGMA user_version = ${MIGRATIONS.length}`);
    });
  }

  #guard<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw this.#explain(error);
    }
  }

  /** @see https://sqlite.org/rescode.html */
  #explain(error: unknown): unknown {
    if (!(error instanceof Error) || !("errcode" in error)) return error;
    switch (Number(error.errcode) & 0xff) {
      case 5: // SQLITE_BUSY
      case 6: // SQLITE_LOCKED
        return new VmbuilderError("database-busy", `${this.#path} is in use`, { hint: "try again", cause: error });
      case 13: // SQLITE_FULL
        return new VmbuilderError("disk-full", `no space is left for ${this.#path}`, {
          hint: "remove images, or clean the cache",
          cause: error,
        });
      case 8: // SQLITE_READONLY
      case 10: // SQLITE_IOERR
      case 11: // SQLITE_CORRUPT
      case 14: // SQLITE_CANTOPEN
      case 26: // SQLITE_NOTADB
        return this.#unusable(error);
      default:
        return error;
    }
  }

  #unusable(cause: Error): VmbuilderError {
    return new VmbuilderError("database-unusable", `${this.#path}: ${cause.message}`, {
      hint: "check the folder's owner and disk; a damaged file is mended by: sqlite3 OLD .recover | sqlite3 NEW",
      cause,
    });
  }
}
