import { formatSeconds } from "../../model/duration.ts";
import { escapeControls } from "../../model/escape-controls.ts";
import { formatBytes } from "../../model/size.ts";
import { createPaint } from "./color.ts";
import { displayWidth, padRight, printableLines } from "./text.ts";

/** What a finished build tells its user. */
export interface BuildSummary {
  readonly hostname: string;
  /** Folder of the result, as it can be typed from where the user is. */
  readonly directory: string;
  readonly files: readonly { name: string; sizeBytes: number }[];
  /** Command that starts the machine. */
  readonly startCommand: string;
  /** Command that logs in, when the guest has an ssh server. */
  readonly sshCommand?: string | undefined;
  /** How to log in at the console, or that nobody can. */
  readonly loginNote: string;
  /** Number of packages in the guest. */
  readonly packages: number;
  readonly seconds: number;
  /** Titles of the steps whose output came from the cache. */
  readonly cached: readonly string[];
  readonly warnings: readonly string[];
}

/** How a summary is written. */
export interface SummaryOptions {
  readonly color?: boolean;
}

const LABEL_COLUMNS = 9;

/** The last screen of a build: what was made, how to start it, how to log in. Ends with a line feed. */
export function formatBuildSummary(summary: BuildSummary, { color = false }: SummaryOptions = {}): string {
  const paint = createPaint(color);
  const row = (label: string, values: readonly string[]): string[] => {
    return values.map((value, index) => `  ${paint("dim", padRight(index === 0 ? label : "", LABEL_COLUMNS))}${value}`);
  };
  const command = (text: string): string => paint("bold", escapeControls(text));
  const lines = [
    `${paint("bold", escapeControls(summary.hostname))} is ready ${paint("dim", `in ${formatSeconds(summary.seconds)}`)}`,
    "",
    ...row("Folder", [escapeControls(summary.directory)]),
    ...row(
      "Files",
      fileTable(summary.files).map(([name, size]) => `${name}  ${paint("dim", size)}`),
    ),
    ...row("Packages", [String(summary.packages)]),
    ...row("Cached", summary.cached.length > 0 ? [summary.cached.map(escapeControls).join(", ")] : []),
    "",
    ...row("Start", [command(summary.startCommand)]),
    ...row("Log in", [
      ...(summary.sshCommand === undefined ? [] : [command(summary.sshCommand)]),
      ...printableLines(summary.loginNote),
    ]),
    ...(summary.warnings.length > 0 ? [""] : []),
    ...summary.warnings.map((warning) => `${paint("yellow", "warning:")} ${escapeControls(warning)}`),
  ];
  return `${lines.join("\n")}\n`;
}

function fileTable(files: BuildSummary["files"]): [name: string, size: string][] {
  const names = files.map(({ name }) => escapeControls(name));
  const sizes = files.map(({ sizeBytes }) => formatBytes(sizeBytes));
  const nameColumns = Math.max(0, ...names.map(displayWidth));
  const sizeColumns = Math.max(0, ...sizes.map(displayWidth));
  return names.map((name, index) => [padRight(name, nameColumns), (sizes[index] ?? "").padStart(sizeColumns)]);
}
