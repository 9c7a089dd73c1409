import * as z from "zod";
import { VmbuilderError } from "./errors.ts";

/** Names that mean the archive itself. */
const ARCHIVE_NAMES = /^(?:(?:install-)?(?:security-)?mirror|iso|debian|ubuntu)$/;
const ADDRESS = /^(?:https?:\/\/[^\s@]+|file:\/\S+|\/\S+)$/;
const SUITE = /^(?!.*\.\.)(?:[A-Za-z0-9][A-Za-z0-9.+~_-]*(?:\/[A-Za-z0-9.+~_-]+)*\/?|\.?\/)$/;
const COMPONENT = /^(?!.*\.\.)[A-Za-z0-9][A-Za-z0-9.+_/-]*$/;
const FINGERPRINT = /^(?:0x)?(?:[0-9A-Fa-f]\s*){40}(?:(?:[0-9A-Fa-f]\s*){24})?$/;

/** A package repository beside the distribution's archive. Field names are those of sources.list(5) where it has them. */
export const repositorySchema = z.strictObject({
  name: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, "is no name for a file below sources.list.d")
    .refine((name) => !ARCHIVE_NAMES.test(name), "is a name of the archive's own")
    .optional(),
  uri: z.string().regex(ADDRESS, "is no http:, https: or file: address without a password, and no absolute path"),
  suite: z.string("the repository names no suite").regex(SUITE, "is no suite"),
  components: z.union([z.array(z.string().regex(COMPONENT, "is no component name")), z.string()]).optional(),
  key: z.string().min(1).max(4096).optional(),
  fingerprint: z.string().regex(FINGERPRINT, "is no whole fingerprint: 40 digits, or 64").optional(),
  trusted: z.boolean().default(false),
  "check-valid-until": z.boolean().default(true),
});

/** A repository as a recipe has it, its defaults filled in. */
export type Repository = z.output<typeof repositorySchema>;

/** A flat repository has its index and packages in one folder, and no components. @see sources.list(5) */
export function isFlat(suite: string): boolean {
  return suite.endsWith("/");
}

/** The name of a repository: its own, or one made from its address. */
export function repositoryName({ name, uri }: Pick<Repository, "name" | "uri">): string {
  const plain = uri
    .replace(/^[a-z]+:\/*/, "")
    .replace(/[^A-Za-z0-9._]+/g, "-")
    .replace(/^[-._]+|[-._]+$/g, "");
  return name ?? (plain.slice(0, 64) || "repository");
}

/** A fingerprint as programs print it: no spaces, capital letters. */
export function plainFingerprint(text: string): string {
  return text.replace(/^0x|\s/g, "").toUpperCase();
}

/**
 * Reads a repository as sources.list(5) writes it in one line: `[deb] [OPTION=VALUE…] URI SUITE [COMPONENT…]`. Options
 * are `signed-by`, `fingerprint`, `name`, `trusted`, `check-valid-until`; `arch` is passed over.
 *
 * @returns the values of {@link repositorySchema}, not yet checked by it
 * @throws recipe-invalid
 */
export function parseRepositoryLine(line: string): Record<string, unknown> {
  const refuse = (why: string) =>
    new VmbuilderError("recipe-invalid", `--repo: "${line}" ${why}`, {
      hint: 'write it like "[signed-by=FILE] https://mirror.example.org/debian SUITE COMPONENT"',
    });
  const match = /^\s*(?:deb\s+)?(?:\[([^\]]*)\]\s*)?(\S+)(?:\s+(\S+)((?:\s+\S+)*))?\s*$/.exec(line);
  if (!match) throw refuse("is no repository");
  const [, bracket = "", uri, suite, components = ""] = match;
  if (suite === undefined) throw refuse("names no suite");
  const options = bracket.split(/\s+/).filter((word) => word !== "");
  const entries = options.flatMap((option): [string, unknown][] => {
    const [name = "", value = ""] = option.split(/=(.*)/s);
    switch (name.toLowerCase()) {
      case "signed-by":
        return [[FINGERPRINT.test(value) ? "fingerprint" : "key", value]];
      case "fingerprint":
      case "name":
        return [[name.toLowerCase(), value]];
      case "trusted":
      case "check-valid-until":
        if (!/^(yes|no)$/.test(value)) throw refuse(`has ${name}=${value}, which is neither yes nor no`);
        return [[name.toLowerCase(), value === "yes"]];
      case "arch":
        return [];
      default:
        throw refuse(`has an option ${name}, which is not known here`);
    }
  });
  const words = components.split(/\s+/).filter((word) => word !== "");
  return { ...Object.fromEntries(entries), uri, suite, ...(words.length > 0 ? { components: words } : {}) };
}
