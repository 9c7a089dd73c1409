import { parseDeb822 } from "../../../model/deb822.ts";
import { VmbuilderError } from "../../../model/errors.ts";
import { type DownloadOptions, downloadText } from "../../../system/download.ts";
import { sha256Text } from "../../../system/files.ts";

/** A suite's signed table of contents, as it was fetched. Only apt's verifier decides whether its signature is good. */
export interface Release {
  readonly url: string;
  readonly sha256: string;
  readonly dateMs: number;
  readonly codename: string;
}

/** How far a clock may be behind the mirror's. */
export const FUTURE_TOLERANCE_MS = 5 * 60 * 1000;

/**
 * Fetches `InRelease` and refuses what can be seen without a key: a page that is no repository, a missing signature,
 * a date that has passed or has not come.
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
): Promise<Release | undefined> {
  const url = `${mirror.replace(/\/+$/, "")}/dists/${suite}/InRelease`;
  const text = await downloadText(url, options).catch((error: unknown) => {
    if (error instanceof VmbuilderError && error.code === "package-missing") return undefined;
    throw error;
  });
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
  if (!text.startsWith("-----BEGIN PGP SIGNED MESSAGE-----") || !text.includes("-----BEGIN PGP SIGNATURE-----")) {
    throw new VmbuilderError("release-unsigned", `${url} is not signed`, {
      hint: "use a mirror that carries the distribution's own signature",
    });
  }
  checkDates(url, date, Date.parse(stanza.get("Valid-Until") ?? ""), nowMs);
  return { url, sha256: sha256Text(text), dateMs: date, codename: stanza.get("Codename") ?? suite };
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
        hint: "the mirror is no longer updated, or the clock is wrong: use another --mirror",
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
