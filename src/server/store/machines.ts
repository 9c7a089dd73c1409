import { VmbuilderError } from "../../model/errors.ts";
import type { TestRun } from "../../model/test-run.ts";
import type { Database } from "./database.ts";
import { addEvent } from "./events.ts";
import { makeId } from "./secrets.ts";
import { comingBytes, findUser, usageOf } from "./users.ts";

/** What a machine was made from, and with; it doesn't change. */
export interface MachineFacts {
  readonly imageName: string;
  readonly distro: string;
  readonly suite: string;
  readonly architecture: string;
  readonly memoryMb: number;
  readonly cpus: number;
  /** How many tests its recipe has. */
  readonly tests: number;
}

/** Why something could not be done with a machine. */
export interface MachineError {
  readonly code: string;
  readonly message: string;
  readonly hint: string | null;
  readonly detail: string | null;
}

/** A machine of the server: whose it is. What state it is in, its folder tells, whose name is its id. */
export interface ServedMachine {
  readonly number: number;
  readonly id: string;
  readonly owner: string;
  readonly name: string;
  readonly isShared: boolean;
  readonly imageId: string;
  readonly facts: MachineFacts;
  readonly diskBytes: number;
  /** False until its folder is there. */
  readonly isMade: boolean;
  readonly error: MachineError | null;
  readonly testRun: TestRun | null;
  readonly createdAt: number;
}

type MachineRow = Omit<ServedMachine, "isShared" | "isMade" | "facts" | "error" | "testRun"> & {
  readonly isShared: number;
  readonly isMade: number;
  readonly facts: string;
  readonly error: string | null;
  readonly testRun: string | null;
};

/** Which machines are wanted. */
export interface MachineFilter {
  readonly visibleTo?: string | undefined;
  /** Part of the name, whatever its case. */
  readonly text?: string | undefined;
  readonly before?: number | undefined;
  readonly limit: number;
}

/** Adds a machine that is to be made. @throws quota */
export function addMachine(
  database: Database,
  machine: Pick<ServedMachine, "owner" | "name" | "isShared" | "imageId" | "facts">,
): ServedMachine {
  return database.transaction(() => {
    const { owner, name, isShared, imageId, facts } = machine;
    checkQuota(database, owner);
    const id = makeId();
    database.run(
      "INSERT INTO machines (id, owner, name, isShared, imageId, facts, createdAt) VALUES (?, ?, ?, ?, ?, ?, ?)",
      ...[id, owner, name, Number(isShared), imageId, JSON.stringify(facts), Date.now()],
    );
    return announceMachine(database, id);
  });
}

/** A machine of this id. */
export function findServedMachine(database: Database, id: string): ServedMachine | undefined {
  const row = database.get<MachineRow>("SELECT * FROM machines WHERE id = ?", id);
  return row && machineOf(row);
}

/** The newest first. */
export function listServedMachines(database: Database, filter: MachineFilter): ServedMachine[] {
  const { visibleTo, text, before, limit } = filter;
  const rows = database.all<MachineRow>(
    `SELECT * FROM machines
     WHERE (?1 IS NULL OR owner = ?1 OR isShared) AND (?2 IS NULL OR instr(lower(name), lower(?2)))
       AND (?3 IS NULL OR number < ?3)
     ORDER BY number DESC LIMIT ?4`,
    ...[visibleTo ?? null, text ?? null, before ?? null, limit],
  );
  return rows.map(machineOf);
}

/** Ids of all machines. */
export function servedMachineIds(database: Database): string[] {
  return database.all<{ id: string }>("SELECT id FROM machines").map(({ id }) => id);
}

/** Changes a machine, and tells those who watch. */
export function changeMachine(
  database: Database,
  id: string,
  change: {
    name?: string | undefined;
    isShared?: boolean | undefined;
    isMade?: boolean | undefined;
    diskBytes?: number | undefined;
    error?: MachineError | null | undefined;
    testRun?: TestRun | undefined;
  },
): ServedMachine {
  const values = {
    ...{ name: change.name, diskBytes: change.diskBytes },
    isShared: change.isShared === undefined ? undefined : Number(change.isShared),
    isMade: change.isMade === undefined ? undefined : Number(change.isMade),
    error: change.error === undefined ? undefined : change.error && JSON.stringify(change.error),
    testRun: change.testRun && JSON.stringify(change.testRun),
  };
  return database.transaction(() => {
    for (const [column, value] of Object.entries(values))
      if (value !== undefined) database.run(`UPDATE machines SET ${column} = ? WHERE id = ?`, value, id);
    return announceMachine(database, id);
  });
}

/** Forgets a machine; its folder is the caller's business. */
export function forgetMachine(database: Database, id: string): void {
  database.transaction(() => {
    const machine = findServedMachine(database, id);
    if (!machine) return;
    const { owner, isShared } = machine;
    database.run("DELETE FROM machines WHERE id = ?", id);
    addEvent(database, Date.now(), "removed", id, { kind: "machine", id, owner, isShared });
  });
}

/** Tells those who watch that a machine has changed. @throws not-found */
export function announceMachine(database: Database, id: string): ServedMachine {
  const machine = findServedMachine(database, id);
  if (!machine) throw new VmbuilderError("not-found", "there is no such machine");
  addEvent(database, Date.now(), "machine", id);
  return machine;
}

/** Refuses when a user has as many machines, or as much on the disk, as they may. @throws quota */
export function checkQuota(database: Database, owner: string): void {
  const quota = findUser(database, owner)?.quota;
  if (!quota) return;
  const usage = usageOf(database, owner);
  if (usage.machines >= quota.machines)
    throw new VmbuilderError("quota", `you have ${usage.machines} machines, and may have ${quota.machines}`, {
      hint: "remove one",
    });
  if (usage.diskBytes + comingBytes(database, owner) >= quota.diskBytes)
    throw new VmbuilderError("quota", "your images, machines and builds take as much disk as you may have", {
      hint: "remove some for good, or wait for builds",
    });
}

function machineOf(row: MachineRow): ServedMachine {
  const read = (text: string | null) => (text === null ? null : JSON.parse(text));
  const flags = { isShared: row.isShared === 1, isMade: row.isMade === 1 };
  return { ...row, ...flags, facts: JSON.parse(row.facts), error: read(row.error), testRun: read(row.testRun) };
}
