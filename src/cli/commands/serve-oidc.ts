import { readFile } from "node:fs/promises";
import { type Command, Option } from "commander";
import { VmbuilderError } from "../../model/errors.ts";
import type { OidcSettings, PeoplePolicy } from "../../server/oidc/issuer.ts";

/** What `serve` is told of an OpenID Connect issuer. */
export interface OidcValues {
  oidcIssuer?: string;
  oidcClientId?: string;
  oidcSecretFile?: string;
  oidcTitle?: string;
  oidcScope: string;
  oidcRoleClaim: string;
  oidcRole?: string[];
  oidcDefaultRole: string;
  oidcUsers: string;
}

const ROLES = ["viewer", "builder", "admin"] as const;

/** Adds the options by which people log in at an issuer. */
export function addOidcOptions(command: Command): Command {
  const collect = (value: string, earlier: string[] = []) => [...earlier, value];
  return command
    .option("--oidc-issuer <URL>", "OpenID Connect issuer that logs people in, too")
    .option("--oidc-client-id <ID>", "what this server is called there")
    .option("--oidc-secret-file <FILE>", "file of the client's secret, if it has one")
    .option("--oidc-title <TEXT>", "the button says: Log in with TEXT (default: the issuer's host)")
    .option("--oidc-scope <SCOPES>", "what is asked of the issuer", "openid profile email")
    .option("--oidc-role <ROLE=VALUE>", "role of those who have this value in the claim, repeatable", collect)
    .option("--oidc-role-claim <CLAIM>", "claim of --oidc-role", "groups")
    .addOption(
      new Option("--oidc-default-role <ROLE>", "role of those whom no --oidc-role names")
        .choices([...ROLES, "none"])
        .default("viewer"),
    )
    .addOption(
      new Option("--oidc-users <WHO>", "all: whoever the issuer knows; known: those whom an admin has entered")
        .choices(["all", "known"])
        .default("all"),
    );
}

/**
 * Reads them; nothing without an issuer.
 *
 * @throws usage, file-unreadable, secret-unsafe
 */
export async function readOidc(values: OidcValues): Promise<OidcSettings | undefined> {
  const { oidcIssuer, oidcClientId } = values;
  if (oidcIssuer === undefined) {
    if (oidcClientId ?? values.oidcSecretFile ?? values.oidcRole)
      throw new VmbuilderError("usage", "--oidc-issuer is missing", { hint: "the other --oidc options belong to it" });
    return undefined;
  }
  if (oidcClientId === undefined)
    throw new VmbuilderError("usage", "--oidc-client-id is missing", { hint: "the issuer gave this server an id" });
  const issuer = readIssuer(oidcIssuer);
  const clientSecret = values.oidcSecretFile === undefined ? undefined : await readSecret(values.oidcSecretFile);
  const title = values.oidcTitle ?? issuer.host;
  return { issuer, clientId: oidcClientId, clientSecret, title, scope: values.oidcScope, people: readPolicy(values) };
}

function readPolicy({ oidcUsers, oidcDefaultRole, oidcRole = [], oidcRoleClaim }: OidcValues): PeoplePolicy {
  const roles = oidcRole.map((text) => {
    const [name = "", ...value] = text.split("=");
    const role = ROLES.find((one) => one === name);
    if (role && value.join("=") !== "") return { role, value: value.join("=") };
    throw new VmbuilderError("usage", `--oidc-role: "${text}" is no role and value`, {
      hint: "such as builder=developers",
    });
  });
  const defaultRole = ROLES.find((one) => one === oidcDefaultRole);
  return { isOpen: oidcUsers === "all", defaultRole, roles, roleClaim: oidcRoleClaim };
}

/** The issuer's word is worth what its connection is: only this machine may be asked without TLS. */
function readIssuer(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isHere = url && /^(localhost|127\.[0-9.]+|\[::1\])$/.test(url.hostname);
  if (url && (url.protocol === "https:" || (url.protocol === "http:" && isHere)) && !url.search && !url.username)
    return url;
  throw new VmbuilderError("usage", `--oidc-issuer: "${text}" is no https address`, {
    hint: "such as https://login.example.org/realms/main",
  });
}

async function readSecret(path: string): Promise<string> {
  const secret = await readFile(path, "utf8").catch((cause: Error) => {
    throw new VmbuilderError("file-unreadable", `--oidc-secret-file: cannot read ${path}: ${cause.message}`, { cause });
  });
  if (secret.trim() !== "") return secret.trim();
  throw new VmbuilderError("usage", `--oidc-secret-file: ${path} is empty`, {
    hint: "put the client's secret into it",
  });
}
