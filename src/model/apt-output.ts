/** How far apt has come, by what it said. */
export interface AptProgress {
  readonly done: number;
  readonly total: number;
  readonly item: string;
}

/**
 * Reads how far apt has come from what it says, line by line: each package is fetched, unpacked and set up.
 *
 * @returns what takes a line, and says how far apt is when the line tells
 */
export function aptProgress(): (line: string) => AptProgress | undefined {
  let total = 0;
  let done = 0;
  return (line) => {
    const counts =
      /^(\d+) upgraded, (\d+) newly installed, (?:\d+ reinstalled, )?(?:\d+ downgraded, )?(\d+) to remove/.exec(line);
    if (counts) {
      const [upgraded = 0, added = 0, removed = 0] = counts.slice(1).map(Number);
      total = (upgraded + added) * 3 + removed;
      done = 0;
      return undefined;
    }
    const item = /^(?:Get:\d+ \S+ \S+ \S+ (\S+)|(?:Unpacking|Setting up|Removing) ([^\s:]+))/.exec(line);
    if (!item || total === 0) return undefined;
    done = Math.min(done + 1, total);
    return { done, total, item: line.replace(/ \.\.\.$/, "").replace(/^Get:\d+ \S+ \S+ \S+ /, "Fetch ") };
  };
}

/** The packages that apt kept back, the last time that it said so. */
export function keptBack(log: string): string[] {
  const lists = [...log.matchAll(/^The following packages have been kept back:\n((?:[ \t]+.*\n?)+)/gm)];
  return (lists.at(-1)?.[1] ?? "").split(/\s+/).filter(Boolean);
}

/** What became of a configuration file. */
export interface ConffileDecision {
  readonly path: string;
  /** `kept`: the machine's own stays. `replaced`: the package's came in its place. `updated`: nobody had changed it. */
  readonly decision: "kept" | "replaced" | "updated";
}

/**
 * Reads from dpkg's words what became of configuration files, and from the files that it left beside them.
 *
 * @param leftovers files such as `/etc/x.dpkg-dist` that weren't there before
 */
export function conffileDecisions(log: string, leftovers: readonly string[]): ConffileDecision[] {
  const decisions = new Map<string, ConffileDecision["decision"]>();
  for (const [, path = ""] of log.matchAll(/^Installing new version of config file (\S+) \.\.\.$/gm))
    decisions.set(path, "updated");
  for (const [, path = ""] of log.matchAll(/^Configuration file '([^']+)'$/gm)) decisions.set(path, "kept");
  for (const leftover of leftovers) {
    const [, path = "", kind = ""] = /^(.*)\.(?:dpkg|ucf)-(dist|new|old)$/.exec(leftover) ?? [];
    if (path !== "") decisions.set(path, kind === "old" ? "replaced" : "kept");
  }
  return [...decisions].map(([path, decision]) => ({ path, decision })).sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** What is seen in apt's words, the most telling first. */
const CAUSES: readonly ((log: string) => string | undefined)[] = [
  (log) =>
    /No space left on device|You don't have enough free space in (\S+?)\.?$/m.test(log)
      ? "the machine's disk is full"
      : undefined,
  (log) => {
    const names = listOf(log, /^dpkg: error processing (?:package|archive) (\S+)/gm);
    if (names.length === 0) return undefined;
    const why = /^dpkg: error processing .*:\n ?(.+)$/m.exec(log)?.[1]?.trim();
    return `dpkg failed at ${names.join(", ")}${why ? `: ${why}` : ""}`;
  },
  (log) => {
    const [, source, suite] =
      /The repository '(\S+) (\S+) Release' (?:does not have|no longer has) a Release file/.exec(log) ?? [];
    return source && `${source} has no suite ${suite}`;
  },
  (log) => {
    const [, what] = /^(?:W|E): (?:GPG error|OpenPGP signature verification failed): (.*)$/m.exec(log) ?? [];
    return what && `its apt doesn't trust a release: ${what}`;
  },
  (log) => {
    const files = listOf(log, /^E: Failed to fetch (\S+)/gm);
    const [first] = files;
    return first && `${files.length === 1 ? first : `${files.length} files, the first ${first},`} could not be fetched`;
  },
  (log) => {
    const broken = /^The following packages have unmet dependencies:\n +(\S+)/m.exec(log)?.[1];
    return broken && `apt finds no way: ${broken} has unmet dependencies`;
  },
  (log) => [...log.matchAll(/^E: (.+)$/gm)].at(-1)?.[1],
];

/** Says in a line why apt failed, by what it said. */
export function explainAptFailure(log: string): string | undefined {
  for (const cause of CAUSES) {
    const found = cause(log);
    if (found) return found;
  }
  return undefined;
}

const MOST_NAMES = 5;

function listOf(text: string, pattern: RegExp): string[] {
  const all = [...new Set([...text.matchAll(pattern)].map((match) => match[1] ?? ""))];
  return all.length > MOST_NAMES ? [...all.slice(0, MOST_NAMES), `${all.length - MOST_NAMES} more`] : all;
}
