import { type ChildProcess, spawn } from "node:child_process";
import { openDataFolder } from "../store/data-folder.ts";
import { Database } from "../store/database.ts";
import { measureCapacity } from "./capacity.ts";
import { estimateSeconds } from "./estimate.ts";
import { SqliteJobStore } from "./sqlite-job-store.ts";
import { work } from "./worker.ts";

/** What a worker's process is started with. */
export interface WorkerProcessOptions {
  readonly dataDirectory: string;
  readonly cacheDirectory: string | undefined;
  readonly parallelBuilds: number | undefined;
  readonly command: readonly string[];
}

const RESTART_MS = 1000;
const LONGEST_RESTART_MS = 30_000;

/**
 * The worker's process: takes jobs until it is told to stop, or the server that has started it is gone. Then the builds
 * that run are finished, and no more are begun.
 */
export async function runWorkerProcess(options: WorkerProcessOptions): Promise<void> {
  const [stop, lastOrders] = [new AbortController(), new AbortController()];
  process.once("SIGTERM", () => stop.abort());
  process.once("SIGINT", () => stop.abort());
  process.stdin
    .once("end", () => lastOrders.abort())
    .once("error", () => lastOrders.abort())
    .resume();
  const folder = await openDataFolder(options.dataDirectory);
  const database = new Database(folder.database);
  try {
    await work({
      store: new SqliteJobStore(database),
      folder,
      command: options.command,
      cacheDirectory: options.cacheDirectory,
      parallelBuilds: measureCapacity(options.parallelBuilds).parallelBuilds,
      expectedSeconds: () => {
        const { seconds, basis } = estimateSeconds(database, "nothing");
        return basis === "measured" ? seconds : undefined;
      },
      signal: stop.signal,
      lastOrders: lastOrders.signal,
    });
  } finally {
    database.close();
    process.stdin.destroy();
  }
}

/** Keeps a worker running; when it dies, another one follows. @returns what ends it */
export function keepWorker(argv: readonly string[]): { stop(): Promise<void> } {
  let child: ChildProcess | undefined;
  let isStopping = false;
  let wait = RESTART_MS;
  let timer: NodeJS.Timeout | undefined;
  const begin = () => {
    const [program = "", ...args] = argv;
    const startedAt = Date.now();
    child = spawn(program, args, { stdio: ["pipe", "inherit", "inherit"] });
    child.stdin?.on("error", () => {});
    child.once("error", (error) => process.stderr.write(`worker: ${error.message}\n`));
    child.once("close", (status, signal) => {
      if (isStopping) return;
      process.stderr.write(`worker: ended by ${signal ?? `status ${status}`}; another one follows\n`);
      wait = Date.now() - startedAt > LONGEST_RESTART_MS ? RESTART_MS : Math.min(LONGEST_RESTART_MS, wait * 2);
      timer = setTimeout(begin, wait);
    });
  };
  begin();
  return {
    async stop() {
      isStopping = true;
      clearTimeout(timer);
      const last = child;
      if (!last || last.exitCode !== null || last.signalCode !== null) return;
      const gone = new Promise<void>((resolve) => last.once("close", () => resolve()));
      last.kill("SIGTERM");
      await gone;
    },
  };
}
