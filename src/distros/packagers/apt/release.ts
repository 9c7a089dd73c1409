import { parseDeb822 } from "../../../model/deb822.ts";
import { VmbuilderError } from "../../../model/errors.ts";
import { nearestName } from "../../../model/nearest-name.ts";
import { type DownloadOptions, downloadText } from "../../../system/download.ts";
import { sha256Text } from "../../../system/files.ts";

/** A suite's signed table of contents, as it was fetched. Only apt's verifier decides whether its signature is good. */
export interface Release {
  readonly url: string;
  readonly sha256: string;
  readonly dateMs: number;
  readonly codename: string;
  /** The components that it lists; none when it doesn't say. */
  readonly components: readonly string[];
}

/** What the user allows of a source by name. */
export interface ReleaseRules {
  /** Nobody needs to have signed it. */
  readonly trusted?: boolean;
  /** Unless false, an expired one is refused. */
  readonly checkValidUntil?: boolean;
}

/** How far a clock may be behind the mirror's. */
export const FUTURE_TOLERANCE_MS = 5 * 60 * 1000;

/**
 * Fetches `InRelease`, or `Release` with its signature beside it, and refuses what can be seen without a key: a page that
 * is no repository, a missing signature, a date that has passed or has not come.
 *
 * @returns undefined when the mirror doesn't have the suite
 * @throws mirror-not-a-repository, release-unsigned, release-expired, release-future, and download errors
 * @see https://wiki.debian.org/DebianRepository/Format
 */
export async function fetchRelease(
  mirror: string,
  suite: string,
  options: DownloadOptions,
  nowMs: number,
  rules: ReleaseRules = {},
): Promise<Release | undefined> {
  const base = suiteAddress(mirror, suite);
  const inline = await fetchIfThere(`${base}/InRelease`, options);
  const url = `${base}/${inline === undefined ? "Release" : "InRelease"}`;
  const text = inline ?? (await fetchIfThere(url, options));
  if (text === undefined) return undefined;
  const [stanza] = parseDeb822(text.replace(/^-----BEGIN PGP SIGNED MESSAGE-----\n(?:[^\n]+\n)*\n/, ""));
  const date = Date.parse(stanza?.get("Date") ?? "");
  if (!stanza?.has("SHA256") || Number.isNaN(date)) {
    throw new VmbuilderError("mirror-not-a-repository", `${url} is not a package repository's index`, {
      hint: /<html/i.test(text)
        ? "it is a web page: perhaps a log-in page of the network stands between"
        : "check --mirror and --suite",
    });
  }
  if (!rules.trusted && !(inline === undefined ? await fetchIfThere(`${url}.gpg`, options) : isSigned(text))) {
    throw new VmbuilderError("release-unsigned", `${url} is not signed`, {
      hint: "use a mirror that carries the distribution's own signature",
    });
  }
  const validUntil = rules.checkValidUntil === false ? Number.NaN : Date.parse(stanza.get("Valid-Until") ?? "");
  checkDates(url, date, validUntil, nowMs);
  return {
    url,
    sha256: sha256Text(text),
    dateMs: date,
    codename: stanza.get("Codename") ?? suite,
    components: (stanza.get("Components") ?? "").split(/\s+/).filter((word) => word !== ""),
  };
}

/** apt passes over components that a release doesn't have. @throws component-unknown */
export function checkComponents({ url, components }: Release, wanted: readonly string[], hint: string): void {
  const missing = components.length > 0 ? wanted.filter((name) => !components.includes(name)) : [];
  if (missing.length === 0) return;
  const near = missing.flatMap((name) => nearestName(name, components) ?? []);
  throw new VmbuilderError("component-unknown", `${url} has no component ${missing.join(", ")}`, {
    hint: `${near.length > 0 ? `did you mean ${near.join(", ")}? ` : ""}it has ${components.join(", ")}: ${hint}`,
  });
}

/** A suite that ends with a slash is a folder. @see sources.list(5) */
function suiteAddress(mirror: string, suite: string): string {
  const root = mirror.replace(/\/+$/, "");
  return suite.endsWith("/") ? `${root}/${suite}`.replace(/(\/\.)?\/+$/, "") : `${root}/dists/${suite}`;
}

async function fetchIfThere(url: string, options: DownloadOptions): Promise<string | undefined> {
  return downloadText(url, options).catch((error: unknown) => {
    if (error instanceof VmbuilderError && error.code === "package-missing") return undefined;
    throw error;
  });
}

function isSigned(text: string): boolean {
  return text.startsWith("-----BEGIN PGP SIGNED MESSAGE-----") && text.includes("-----BEGIN PGP SIGNATURE-----");
}

function checkDates(url: string, dateMs: number, validUntilMs: number, nowMs: number): void {
  if (dateMs > nowMs + FUTURE_TOLERANCE_MS) {
    throw new VmbuilderError(
      "release-future",
      `${url} is dated ${new Date(dateMs).toISOString()}, which has not come yet`,
      { hint: "check this machine's clock" },
    );
  }
  if (validUntilMs < nowMs) {
    throw new VmbuilderError(
      "release-expired",
      `${url} was valid until ${new Date(validUntilMs).toISOString()}, ${ago(nowMs - validUntilMs)} ago`,
      {
        hint: "the mirror is no longer updated, or the clock is wrong: use another --mirror, or allow it with --mirror-expired",
      },
    );
  }
}

function ago(ms: number): string {
  const hours = ms / 3_600_000;
  return hours >= 48
    ? `${Math.round(hours / 24)} days`
    : hours >= 1
      ? `${Math.round(hours)} hours`
      : `${Math.ceil(ms / 60_000)} minutes`;
}
