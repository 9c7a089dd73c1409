import { type FileHandle, open } from "node:fs/promises";
import type { BuildEvent } from "../../model/events.ts";

/** More than any build writes that goes well. */
export const LONGEST_LOG_BYTES = 4 * 1024 * 1024;

/** The log of a build, a line an event, capped. */
export interface BuildLog {
  write(line: string): void;
  close(): Promise<void>;
}

/** Opens a log; what an earlier attempt wrote stays above. */
export async function openBuildLog(path: string): Promise<BuildLog> {
  const file = await open(path, "a", 0o600);
  let room = LONGEST_LOG_BYTES - (await file.stat()).size;
  let writing: Promise<unknown> = Promise.resolve();
  const append = (text: string) => {
    writing = writing.then(() => (file as FileHandle).appendFile(text)).catch(() => {}); // a full disk ends the build itself
  };
  return {
    write(line) {
      if (room <= 0) return;
      const text = `${line}\n`;
      room -= Buffer.byteLength(text);
      append(room > 0 ? text : "… this log is longer than is kept\n");
    },
    async close() {
      await writing;
      await file.close();
    },
  };
}

/** An event as a line of the log; undefined for what only a display shows. */
export function logLine(event: BuildEvent): string | undefined {
  const at = new Date(event.atMs).toISOString();
  switch (event.type) {
    case "started":
      return `${at} ${event.title} …`;
    case "cached":
      return `${at} ${event.title}: in the cache`;
    case "finished":
      return `${at} ${event.step} took ${event.seconds.toFixed(1)} s`;
    case "failed":
      return `${at} ${event.step} failed: ${event.message}`;
    case "log":
      return `${at} ${event.level === "warning" ? "warning: " : ""}${event.message}`;
    default:
      return undefined;
  }
}
