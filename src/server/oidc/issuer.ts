import { createHash } from "node:crypto";
import type * as Client from "openid-client";
import { makeSecret } from "../store/secrets.ts";

/** The issuer that logs people in, and what its word is worth here. */
export interface OidcSettings {
  readonly issuer: URL;
  readonly clientId: string;
  /** Without one this is a public client, which PKCE alone protects. */
  readonly clientSecret?: string | undefined;
  /** What the page's button says: "Log in with …". */
  readonly title: string;
  readonly scope: string;
  readonly people: PeoplePolicy;
}

/** Who comes in, and as what. */
export interface PeoplePolicy {
  /** Without it only users that an admin has made for it come in. */
  readonly isOpen: boolean;
  /** Of those whom no rule names; undefined: they are refused. */
  readonly defaultRole?: Role | undefined;
  /** Claim that {@link roles} look into: a text, or a list of texts. */
  readonly roleClaim: string;
  /** With rules the role is the issuer's to say, at each login. */
  readonly roles: readonly { readonly role: Role; readonly value: string }[];
}

type Role = "viewer" | "builder" | "admin";
/** What an issuer says of somebody. */
export type Claims = Readonly<Record<string, unknown>> & { readonly sub: string };

/** What keeps a login together while its browser is away; kept by that browser alone. */
export interface LoginSecrets {
  readonly state: string;
  readonly nonce: string;
  readonly verifier: string;
}

/** Why a login by the issuer came to nothing: what the page is told. */
export const OIDC_FAULTS = [
  "unreachable",
  "stale",
  "refused",
  "invalid",
  "unknown",
  "no-role",
  "name-taken",
  "name-unusable",
  "disabled",
  "too-many",
] as const;
/** A word of {@link OIDC_FAULTS}. */
export type OidcFault = (typeof OIDC_FAULTS)[number];

/** A login that came to nothing: a word for the page, a line for the log. */
export class OidcError extends Error {
  readonly fault: OidcFault;

  constructor(fault: OidcFault, message: string, cause?: unknown) {
    super(message, { cause });
    this.fault = fault;
  }
}

/** Somebody who logs people in. */
export interface Issuer {
  readonly settings: OidcSettings;
  /** Asks who the issuer is; what it said is kept. @throws OidcError */
  discover(): Promise<void>;
  /** Where to send a browser. @throws OidcError */
  begin(secrets: LoginSecrets, redirectUri: string): Promise<URL>;
  /** Takes what the browser came back with. @throws OidcError */
  finish(url: URL, secrets: LoginSecrets): Promise<Claims>;
  /** Where a browser logs out there, too, if the issuer has such a place and was reached. */
  endSessionUrl(backUrl: string): URL | undefined;
}

const TIMEOUT_S = 10;

/** Authorization code with PKCE, state and nonce. @see https://openid.net/specs/openid-connect-core-1_0.html */
export function openIssuer(settings: OidcSettings): Issuer {
  const { issuer, clientId, clientSecret } = settings;
  let known: { client: typeof Client; configuration: Client.Configuration } | undefined;
  const reach = async () => {
    if (known) return known;
    // Loaded when somebody wants it: few servers have an issuer.
    const client = await import("openid-client");
    // The ID token's signature is looked at as well, though it comes from the issuer itself.
    const execute = [client.enableNonRepudiationChecks];
    if (issuer.protocol === "http:") execute.push(client.allowInsecureRequests);
    const authentication = clientSecret === undefined ? client.None() : bySecret(client, clientSecret);
    const configuration = await client
      .discovery(issuer, clientId, {}, authentication, { timeout: TIMEOUT_S, execute })
      .catch((cause: unknown) => {
        throw new OidcError("unreachable", `${issuer.href} did not tell of itself: ${reason(cause)}`, cause);
      });
    known = { client, configuration };
    return known;
  };
  return {
    settings,
    discover: async () => void (await reach()),
    async begin({ state, nonce, verifier }, redirectUri) {
      const { client, configuration } = await reach();
      const challenge = createHash("sha256").update(verifier).digest("base64url");
      return client.buildAuthorizationUrl(configuration, {
        ...{ redirect_uri: redirectUri, scope: settings.scope, state, nonce },
        ...{ code_challenge: challenge, code_challenge_method: "S256" },
      });
    },
    async finish(url, { state, nonce, verifier }) {
      const { client, configuration } = await reach();
      const denied = url.searchParams.get("error");
      if (denied !== null && url.searchParams.get("state") === state)
        throw new OidcError("refused", `the issuer said ${JSON.stringify(denied.slice(0, 80))}`);
      try {
        const tokens = await client.authorizationCodeGrant(configuration, url, {
          ...{ expectedState: state, expectedNonce: nonce, pkceCodeVerifier: verifier, idTokenExpected: true },
        });
        const claims = tokens.claims();
        if (!claims) throw new Error("the answer holds no ID token");
        if (!configuration.serverMetadata().userinfo_endpoint || hasAll(claims, settings)) return claims;
        return { ...(await client.fetchUserInfo(configuration, tokens.access_token, claims.sub)), ...claims };
      } catch (cause) {
        throw new OidcError("invalid", `what the issuer answered is not right: ${reason(cause)}`, cause);
      }
    },
    endSessionUrl(backUrl) {
      if (!known?.configuration.serverMetadata().end_session_endpoint) return undefined;
      return known.client.buildEndSessionUrl(known.configuration, { post_logout_redirect_uri: backUrl });
    },
  };
}

/** Fresh ones, each 256 bits. */
export function makeLoginSecrets(): LoginSecrets {
  return { state: makeSecret(), nonce: makeSecret(), verifier: makeSecret() };
}

/** In the form that the issuer takes: in the body where it may be, since not every issuer decodes HTTP's own as RFC 6749 has it. */
function bySecret(client: typeof Client, secret: string): Client.ClientAuth {
  const [post, basic] = [client.ClientSecretPost(secret), client.ClientSecretBasic(secret)];
  return (server, ...rest) => {
    const methods = server.token_endpoint_auth_methods_supported ?? ["client_secret_basic"];
    return (methods.includes("client_secret_post") ? post : basic)(server, ...rest);
  };
}

/** Whether an ID token says all that is asked of it; the rest is at the issuer's userinfo. */
function hasAll(claims: Claims, { people }: OidcSettings): boolean {
  return claims.preferred_username !== undefined && (people.roles.length === 0 || people.roleClaim in claims);
}

/** The innermost reasons, in one line. */
function reason(error: unknown): string {
  const parts: string[] = [];
  for (let one = error; one instanceof Error && parts.length < 4; one = one.cause)
    parts.push(one.message || String((one as NodeJS.ErrnoException).code ?? one.name));
  return (
    [...new Set(parts)]
      .join(": ")
      .replace(/[^\x20-\x7e]+/g, " ")
      .slice(0, 300) || String(error).slice(0, 300)
  );
}
