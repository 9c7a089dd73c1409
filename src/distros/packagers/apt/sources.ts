import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { parseDeb822 } from "../../../model/deb822.ts";

/** A source of the host's own apt, as far as it helps to find a mirror. */
export interface HostSource {
  readonly uri: string;
  readonly suites: readonly string[];
  readonly components: readonly string[];
}

/**
 * Reads the host's apt sources: the one-line and the deb822 files below /etc/apt. What can't be read is left out,
 * since this only looks for a default.
 *
 * @see https://manpages.debian.org/sources.list.5
 */
export async function readHostSources(directory = "/etc/apt"): Promise<HostSource[]> {
  const parts = await readdir(join(directory, "sources.list.d")).catch(() => []);
  const files = [
    join(directory, "sources.list"),
    ...parts.sort().map((name) => join(directory, "sources.list.d", name)),
  ];
  const texts = await Promise.all(
    files.map(async (file) => ({ file, text: await readFile(file, "utf8").catch(() => "") })),
  );
  return texts.flatMap(({ file, text }) =>
    file.endsWith(".sources") ? parseDeb822Sources(text) : parseOneLineSources(text),
  );
}

function parseDeb822Sources(text: string): HostSource[] {
  return parseDeb822(text).flatMap((stanza) => {
    const words = (field: string) => (stanza.get(field) ?? "").split(/\s+/).filter((word) => word !== "");
    if (!words("Types").includes("deb") || stanza.get("Enabled") === "no") return [];
    return words("URIs").map((uri) => ({ uri, suites: words("Suites"), components: words("Components") }));
  });
}

function parseOneLineSources(text: string): HostSource[] {
  return text.split("\n").flatMap((line) => {
    const match = /^\s*deb\s+(?:\[[^\]]*\]\s+)?(\S+)\s+(\S+)((?:\s+[^#\s]+)*)/.exec(line);
    if (!match) return [];
    return [
      {
        uri: String(match[1]),
        suites: [String(match[2])],
        components: (match[3] ?? "").split(/\s+/).filter((word) => word !== ""),
      },
    ];
  });
}

/** The mirror that the installed debootstrap names as its default, if there is one. */
export async function debootstrapMirror(program = "/usr/sbin/debootstrap"): Promise<string | undefined> {
  const text = await readFile(program, "utf8").catch(() => "");
  return /^DEF_MIRROR="?(https?:\/\/[^"\s]+)"?/m.exec(text)?.[1];
}
