/**
 * Puts a load on a server that runs: clients that ask for the list again and again, event streams, downloads of a large file at
 * the same time. Prints the rows of a table: errors, the server's memory, how long the list took. Who asks for the list has a
 * thread alone, and its own delay stands beside, so that the figure is the server's.
 *
 *   server-load.ts API TOKEN FILE_PATH SECONDS POLLERS STREAMS DOWNLOADS
 */
import { once } from "node:events";
import { request } from "node:http";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as delay } from "node:timers/promises";
import { isMainThread, parentPort, Worker } from "node:worker_threads";

const [api = "", token = "", filePath = "", ...numbers] = process.argv.slice(2);
const [seconds = 60, pollers = 200, streams = 1000, downloads = 10] = numbers.map(Number);
const headers = { authorization: `Bearer ${token}` };
const POLL_MS = 1000;
const MIB = 1024 ** 2;

const errors = new Map<string, number>();
const listMs: number[] = [];
const memoryBytes: number[] = [];
let eventsSeen = 0;
let downloadedBytes = 0;
let downloadsDone = 0;

const fail = (what: string, why: unknown) => {
  if (stop.signal.aborted) return;
  const key = `${what}: ${why instanceof Error ? why.message : why}`;
  errors.set(key, (errors.get(key) ?? 0) + 1);
};
const stop = new AbortController();

/** Asks, and gives each piece of the answer to `take`. */
function ask(path: string, take: (piece: Buffer) => void): Promise<number> {
  return new Promise((resolve, reject) => {
    const asked = request(new URL(path, api), { headers, signal: stop.signal }, (answer) => {
      answer.on("data", take);
      answer.once("end", () => resolve(answer.statusCode ?? 0));
      answer.once("error", reject);
    });
    asked.once("error", reject);
    asked.end();
  });
}

async function poll(index: number): Promise<void> {
  await delay((index / pollers) * POLL_MS, undefined, { signal: stop.signal });
  while (!stop.signal.aborted) {
    const startedAt = performance.now();
    const status = await ask("builds?limit=50", () => {});
    listMs.push(performance.now() - startedAt);
    if (status !== 200) fail("list", status);
    await delay(POLL_MS, undefined, { signal: stop.signal });
  }
}

async function listen(): Promise<void> {
  const status = await ask("events", (piece) => {
    eventsSeen += piece.toString("latin1").split("\nevent: ").length - 1;
  });
  fail("stream", `ended with ${status}`);
}

async function download(): Promise<void> {
  while (!stop.signal.aborted) {
    const status = await ask(filePath, (piece) => {
      downloadedBytes += piece.length;
    });
    if (status !== 200) fail("download", status);
    else downloadsDone++;
  }
}

async function measure(): Promise<void> {
  while (!stop.signal.aborted) {
    let text = "";
    await ask("metrics", (piece) => {
      text += piece.toString();
    });
    memoryBytes.push(Number(/^vmbuilder_resident_memory_bytes (\d+)/m.exec(text)?.[1]));
    await delay(POLL_MS, undefined, { signal: stop.signal });
  }
}

const guard = (what: string, work: Promise<void>) => work.catch((error: unknown) => fail(what, error));
const many = (count: number, begin: (index: number) => Promise<void>) =>
  Array.from({ length: count }, (_, index) => begin(index));
const crowd = isMainThread ? new Worker(new URL(import.meta.url), { argv: process.argv.slice(2) }) : undefined;
const others = crowd && once(crowd, "message");
const ownDelay = monitorEventLoopDelay({ resolution: 1 });
ownDelay.enable();
const all = isMainThread
  ? [guard("metrics", measure()), ...many(pollers, (index) => guard("list", poll(index)))]
  : [...many(streams, () => guard("stream", listen())), ...many(downloads, () => guard("download", download()))];
await delay(seconds * 1000);
stop.abort();
await Promise.all(all);
ownDelay.disable();
if (!others) {
  parentPort?.postMessage({ eventsSeen, downloadedBytes, downloadsDone, errors: [...errors] });
  process.exit();
}
const [heard] = await others;
for (const [what, times] of heard.errors) errors.set(what, times);

const sorted = listMs.sort((a, b) => a - b);
const part = (share: number) =>
  (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0).toFixed(0);
const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length / MIB;
const third = Math.floor(memoryBytes.length / 3);
const count = [...errors.values()].reduce((sum, one) => sum + one, 0);
process.stdout.write(
  [
    `| the list: ${listMs.length} answers, median and 99th percentile | ${part(0.5)} ms, ${part(0.99)} ms |`,
    `| of that, the asking program's own delay, 99th percentile | ${(ownDelay.percentile(99) / 1e6).toFixed(0)} ms |`,
    `| events that came over ${streams} streams | ${heard.eventsSeen} |`,
    `| downloads finished, and sum of all | ${heard.downloadsDone}, ${(heard.downloadedBytes / 1e9).toFixed(1)} GB |`,
    `| the server's memory: first, middle and last third | ${[0, third, 2 * third].map((from) => mean(memoryBytes.slice(from, from + third)).toFixed(0)).join(", ")} MiB |`,
    `| errors | ${count} |`,
    "",
  ].join("\n"),
);
for (const [what, times] of errors) process.stderr.write(`${times} times ${what}\n`);
