/** How the suites of a machine's package sources become those of another release. */
export interface SuiteSwitch {
  readonly from: string;
  readonly to: string;
  /** Suites that the archive doesn't have: a source is left without them. */
  readonly missing?: readonly string[];
}

/**
 * Rewrites a file of apt's sources, in one-line or in deb822 form, for another release: its own suite and those that are named
 * after it (`-updates`, `-security`, `-backports`, a repository's `-pgdg`). Comments and all other fields stay as they are; a
 * source that has no suite left is switched off. Pure.
 *
 * @param path tells the form, as apt does: deb822 in `.sources`, one-line else
 * @see sources.list(5)
 */
export function switchSuites(path: string, text: string, change: SuiteSwitch): string {
  return path.endsWith(".sources") ? switchParagraphs(text, change) : switchLines(text, change);
}

/** Empty when the suite is one to leave out. */
function switchSuite(suite: string, { from, to, missing = [] }: SuiteSwitch): string[] {
  const isOfRelease = suite === from || suite.startsWith(`${from}-`) || suite.startsWith(`${from}/`);
  if (!isOfRelease) return [suite];
  const rest = suite.slice(from.length).replace(/^\/updates$/, "-security"); // as it was called until buster
  const wanted = to + rest;
  return missing.includes(wanted) ? [] : [wanted];
}

function switchLines(text: string, change: SuiteSwitch): string {
  return text
    .split("\n")
    .map((line) => {
      const match = /^(\s*deb(?:-src)?\s+(?:\[[^\]]*\]\s+)?\S+\s+)(\S+)(.*)$/.exec(line);
      if (!match) return line;
      const [, before = "", suite = "", after = ""] = match;
      const [switched] = switchSuite(suite, change);
      return switched === undefined ? `# ${line}` : before + switched + after;
    })
    .join("\n");
}

function switchParagraphs(text: string, change: SuiteSwitch): string {
  return text
    .split(/(\n[ \t]*\n)/)
    .map((paragraph) => switchParagraph(paragraph, change))
    .join("");
}

const SUITES_FIELD = /^(Suites:)((?:.*)(?:\n(?:[ \t].*|#.*))*)/im;

function switchParagraph(paragraph: string, change: SuiteSwitch): string {
  const [, , value = ""] = SUITES_FIELD.exec(paragraph) ?? [];
  const suites = withoutComments(value).split(/\s+/).filter(Boolean);
  if (suites.length === 0) return paragraph;
  const switched = suites.flatMap((suite) => switchSuite(suite, change));
  if (switched.length > 0)
    return switched.join() === suites.join() ? paragraph : paragraph.replace(SUITES_FIELD, `$1 ${switched.join(" ")}`);
  const enabled = paragraph.replace(/^Enabled:.*\n?/im, "");
  return enabled.replace(SUITES_FIELD, "Enabled: no\n$&");
}

function withoutComments(value: string): string {
  return value
    .split("\n")
    .filter((line) => !line.startsWith("#"))
    .join("\n");
}
