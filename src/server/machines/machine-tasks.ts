import { VmbuilderError } from "../../model/errors.ts";
import type { Database } from "../store/database.ts";
import { announceMachine, changeMachine, findServedMachine, type MachineError } from "../store/machines.ts";

/** What can be under way with a machine. Tests run beside the others, since their machine is one of its own. */
export const MACHINE_ACTIONS = ["create", "start", "stop", "restart", "snapshot", "restore", "remove", "test"] as const;
/** One of {@link MACHINE_ACTIONS}. */
export type MachineAction = (typeof MACHINE_ACTIONS)[number];

/** What is under way with machines, one thing at a time for each. */
export interface MachineTasks {
  /**
   * Begins something; how it ends, watchers learn by the machine's state and error.
   *
   * @throws conflict when something else is under way
   */
  begin(id: string, action: MachineAction, work: (signal: AbortSignal) => Promise<void>): void;
  /** What is under way, apart from tests. */
  busy(id: string): Exclude<MachineAction, "test"> | undefined;
  isTesting(id: string): boolean;
  /** Ends what is under way, and waits until it has ended. */
  cancel(id: string): Promise<void>;
  close(): Promise<void>;
}

interface Task {
  readonly action: MachineAction;
  readonly controller: AbortController;
  readonly done: Promise<void>;
}

/** What is under way is known to this process alone: after its end, the machines themselves tell how they are. */
export function createMachineTasks(database: Database): MachineTasks {
  const tasks = new Map<string, Task>();
  const testOf = (id: string) => `${id} test`;
  const settle = (id: string, error: MachineError | undefined) => {
    if (!findServedMachine(database, id)) return; // it was removed meanwhile
    if (error) changeMachine(database, id, { error });
    else announceMachine(database, id);
  };
  const stop = async (keys: readonly string[]) => {
    const own = keys.flatMap((key) => tasks.get(key) ?? []);
    for (const { controller } of own) controller.abort(new VmbuilderError("interrupted", "cancelled"));
    await Promise.all(own.map(({ done }) => done));
  };
  return {
    begin(id, action, work) {
      const key = action === "test" ? testOf(id) : id;
      const before = tasks.get(key);
      if (before)
        throw new VmbuilderError("conflict", `this machine is busy: ${before.action}`, {
          hint: "wait until it is done",
        });
      const controller = new AbortController();
      const run = async () => {
        let error: MachineError | undefined;
        try {
          await work(controller.signal);
        } catch (thrown) {
          if (!controller.signal.aborted) error = describeFailure(thrown, id, findServedMachine(database, id)?.name);
        }
        tasks.delete(key);
        settle(id, error);
      };
      // begun after it is known, so that whoever hears of it sees it
      const done = Promise.resolve()
        .then(run)
        .catch((error: unknown) => {
          process.stderr.write(`machine ${id}: ${String(error)}\n`);
        });
      tasks.set(key, { action, controller, done });
      changeMachine(database, id, { error: null });
    },
    busy: (id) => tasks.get(id)?.action as Exclude<MachineAction, "test"> | undefined,
    isTesting: (id) => tasks.has(testOf(id)),
    cancel: (id) => stop([id, testOf(id)]),
    close: () => stop([...tasks.keys()]),
  };
}

/** Hints that name commands of the command line say nothing to people who look at a page. */
function describeFailure(thrown: unknown, id: string, name = "the machine"): MachineError {
  if (!(thrown instanceof VmbuilderError)) process.stderr.write(`machine ${id}: ${String(thrown)}\n`);
  const known = thrown instanceof VmbuilderError ? thrown : undefined;
  const plain = (text: string) => text.replaceAll(id, name);
  const hint = known?.hint !== undefined && !known.hint.includes("vmbuilder ") ? plain(known.hint) : null;
  return {
    code: known?.code ?? "internal",
    message: known ? plain(known.message) : "something went wrong in the server",
    hint,
    detail: known?.detail ? plain(known.detail) : null,
  };
}
