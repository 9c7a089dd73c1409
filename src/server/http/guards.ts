import { isIP } from "node:net";
import { VmbuilderError } from "../../model/errors.ts";
import type { ServerSettings } from "../server-context.ts";

const CONTENT_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data: blob:",
  "font-src 'self'",
  "connect-src 'self'",
  "manifest-src 'self'",
  "worker-src 'self' blob:",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join("; ");

/** Headers of every answer. @see https://owasp.org/www-project-secure-headers/ */
export function securityHeaders(isSecure: boolean): Record<string, string> {
  return {
    "content-security-policy": CONTENT_POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
    ...(isSecure ? { "strict-transport-security": "max-age=31536000" } : {}),
  };
}

/**
 * A page of another site can reach a local server by a name that it points here. An address is no such name, and it cannot
 * forge those that this machine has.
 *
 * @throws host-unknown
 */
export function checkHost(host: string | null, { hostNames }: Pick<ServerSettings, "hostNames">): void {
  const name = hostName(host ?? "");
  if (name !== undefined && (isIP(name) > 0 || name === "localhost" || hostNames.has(name))) return;
  throw new VmbuilderError(
    "host-unknown",
    `this server is not ${host === null ? "nameless" : `"${host.slice(0, 80)}"`}`,
    {
      hint: "ask it by its address, or have it started with --public-url",
    },
  );
}

/** Refuses what a browser sends for a page of another site. @throws origin-refused */
export function checkOrigin(headers: Headers): void {
  const origin = headers.get("origin");
  const site = headers.get("sec-fetch-site");
  const isOwn =
    origin === null || (URL.canParse(origin) && new URL(origin).host === headers.get("host")?.toLowerCase());
  const isNavigation = headers.get("sec-fetch-mode") === "navigate" && headers.get("sec-fetch-dest") === "document";
  if (isOwn && (site === null || site === "same-origin" || site === "none" || isNavigation)) return;
  throw new VmbuilderError("origin-refused", `a page of ${origin ?? "another site"} may not ask this server`);
}

function hostName(host: string): string | undefined {
  if (!/^[A-Za-z0-9.:_[\]-]{1,255}$/.test(host) || !URL.canParse(`http://${host}/`)) return undefined;
  return new URL(`http://${host}/`).hostname
    .replace(/^\[|\]$/g, "")
    .replace(/\.$/, "")
    .toLowerCase();
}
