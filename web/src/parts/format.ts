import { GIB, MIB } from "../../../src/model/size.ts";

export { formatSeconds, formatWholeSeconds } from "../../../src/model/duration.ts";
export { formatBytes } from "../../../src/model/size.ts";

const STEPS: readonly [Intl.RelativeTimeFormatUnit, number][] = [
  ["year", 31_536_000],
  ["month", 2_592_000],
  ["day", 86_400],
  ["hour", 3600],
  ["minute", 60],
];

/** A size of a disk, in the binary units that recipes are written in: `4 GiB`, `5.4 GiB`, `128 MiB`. */
export function formatSize(bytes: number): string {
  const gib = bytes / GIB;
  return gib < 1 ? `${Math.round(bytes / MIB)} MiB` : `${Number(gib.toFixed(1))} GiB`;
}

/** A moment as people say it: `3 hours ago`, `in 2 days`. */
export function formatAgo(iso: string, nowMs = Date.now()): string {
  const seconds = (Date.parse(iso) - nowMs) / 1000;
  const [unit, length] = STEPS.find(([, seconds_]) => Math.abs(seconds) >= seconds_) ?? ["second", 1];
  if (unit === "second") return "just now";
  return new Intl.RelativeTimeFormat("en", { numeric: "auto" }).format(Math.round(seconds / length), unit);
}

/** A moment in full, in the reader's zone. */
export function formatDate(iso: string): string {
  return new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" }).format(new Date(iso));
}

/** `1 build`, `2 builds`. */
export function count(number: number, one: string, many = `${one}s`): string {
  return `${number.toLocaleString("en")} ${number === 1 ? one : many}`;
}

/** A duration that is a guess: `about 20 seconds`, `about 2 minutes`. */
export function formatGuess(seconds: number): string {
  if (seconds < 1.5) return "about a second";
  if (seconds < 90) return `about ${seconds < 20 ? Math.round(seconds) : Math.round(seconds / 5) * 5} seconds`;
  return `about ${Math.round(seconds / 60)} minutes`;
}

/** What runs inside, as people write it: `Debian trixie`. */
export function formatSystem({ distro, suite }: { distro: string; suite: string | null }): string {
  return `${distro.slice(0, 1).toUpperCase()}${distro.slice(1)} ${suite ?? ""}`.trim();
}
