/**
 * One option of `vmbuilder build`. Help, man page and shell completion read this table by way of commander.
 *
 * `key` is the long option without its dashes, and the recipe's key. `argument` names the value; FILE and DIR also
 * say what the shell completes. `kind`: `text` is one value, `list` may be repeated and split at commas or spaces,
 * `files` may be repeated, `switch` has no value. `standard` is what holds when the option isn't given, in words.
 */
export interface BuildOption {
  readonly key: string;
  readonly letter?: string;
  readonly kind: "text" | "list" | "files" | "switch";
  readonly argument?: string;
  readonly help: string;
  readonly group: OptionGroup;
  readonly choices?: readonly string[];
  readonly standard?: string;
  /** Whether `--help` explains it; of the others it says the names, and `--help-all` the rest. */
  readonly daily?: boolean;
}

/** Headings of the build command's options, in the order of its help. */
export const OPTION_GROUPS = ["General", "Disk", "System", "Users", "Network", "Sources", "Output"] as const;

/** A heading of {@link OPTION_GROUPS}. */
export type OptionGroup = (typeof OPTION_GROUPS)[number];
