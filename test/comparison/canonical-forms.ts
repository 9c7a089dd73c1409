import { formatDeb822, parseDeb822, type Stanza } from "../../src/model/deb822.ts";
import type { CanonicalForm } from "./compare-trees.ts";

/** Files whose bytes may differ while their meaning must not. */
export interface ComparedByMeaning {
  readonly paths: readonly string[];
  readonly form: CanonicalForm;
  readonly reason: string;
}

/** First id that packages may give out as they come. @see /usr/share/doc/base-passwd */
const FIRST_DYNAMIC_ID = 100;

/** The list is repeated in docs/tree-differences.md. */
export const COMPARED_BY_MEANING: readonly ComparedByMeaning[] = [
  {
    paths: ["/etc/passwd", "/etc/group"],
    form: (text) => sortedLines(text).map(withoutDynamicIds).join("\n"),
    reason: "packages are configured in another order, and get the ids from 100 on as they come; names must agree",
  },
  {
    paths: ["/etc/gshadow"],
    form: (text) => sortedLines(text).join("\n"),
    reason: "the same order",
  },
  {
    paths: ["/etc/shadow"],
    form: (text) =>
      sortedLines(text)
        .map((line) => line.replace(/^([^:]*:[^:]*:)\d+/, "$1DAY"))
        .join("\n"),
    reason: "the same order; the day of the last change is the day of the build",
  },
  {
    paths: ["/var/lib/dpkg/triggers/File"],
    form: (text) => sortedLines(text).join("\n"),
    reason: "packages are unpacked in another order",
  },
  {
    paths: ["/var/cache/debconf/config.dat"],
    form: (text) => sortedStanzas(parseDeb822(text).filter(isNotSeeded)),
    reason:
      "packages are configured in another order; grub-pc's answers are given beforehand (no disk to install to is known)",
  },
];

function sortedLines(text: string): string[] {
  return text.split("\n").sort();
}

function withoutDynamicIds(line: string): string {
  return line.replace(/:(\d+)(?=:)/g, (field, id) => (Number(id) < FIRST_DYNAMIC_ID ? field : ":ID"));
}

function sortedStanzas(stanzas: readonly Stanza[]): string {
  return stanzas
    .map((stanza) => formatDeb822([stanza]))
    .sort()
    .join("\n");
}

function isNotSeeded(stanza: Stanza): boolean {
  return !stanza.get("Name")?.startsWith("grub-pc/install_devices");
}
