import { readFile } from "node:fs/promises";
import { join } from "node:path";

/** Where debootstrap keeps a script for each suite. */
export const DEBOOTSTRAP_SCRIPTS = "/usr/share/debootstrap/scripts";

/** Reads the script of the first of these suites that debootstrap knows; its scripts of related suites are mostly one. */
export async function readDebootstrapScript(
  suites: readonly string[],
  directory = DEBOOTSTRAP_SCRIPTS,
): Promise<string | undefined> {
  for (const suite of suites) {
    const text = await readFile(join(directory, suite), "utf8").catch(() => undefined);
    if (text !== undefined) return text;
  }
  return undefined;
}

/**
 * Finds the mirror that a script names for an architecture and a suite. The script isn't run: only its `case` statements
 * over variables and its `default_mirror` lines are understood, which is all that stands around these lines.
 *
 * @see debootstrap(8)
 */
export function scriptMirror(script: string, variables: Readonly<Record<string, string>>): string | undefined {
  const cases: { readonly value: string; taken: boolean; active: boolean }[] = [];
  for (const line of script.split("\n").map((one) => one.trim())) {
    const innermost = cases.at(-1);
    const opened = /^case\s+"?\$\{?([A-Z]+)\}?"?\s+in$/.exec(line);
    if (opened) cases.push({ value: variables[String(opened[1])] ?? "", taken: false, active: false });
    else if (line === "esac") cases.pop();
    else if (!innermost) {
      const mirror = mirrorOf(line);
      if (mirror !== undefined) return mirror;
    } else if (line === ";;") innermost.active = false;
    else {
      const [, patterns] = /^\(?([^()\s]+)\)/.exec(line) ?? [];
      const matches = patterns?.split("|").some((pattern) => pattern === "*" || pattern === innermost.value);
      if (patterns !== undefined && matches && !innermost.taken)
        Object.assign(innermost, { taken: true, active: true });
      const mirror = cases.every(({ active }) => active) ? mirrorOf(line) : undefined;
      if (mirror !== undefined) return mirror;
    }
  }
  return undefined;
}

function mirrorOf(line: string): string | undefined {
  return /\bdefault_mirror\s+"?(https?:\/\/[^\s";]+)/.exec(line)?.[1];
}
