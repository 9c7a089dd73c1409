import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openDownloader } from "../../../system/download.ts";
import { sha256Text } from "../../../system/files.ts";
import { checkComponents, FUTURE_TOLERANCE_MS, fetchRelease } from "./release.ts";

const NOW = Date.parse("2026-01-10T12:00:00Z");
const HOUR_MS = 3_600_000;

/** An InRelease whose signature is nothing but its shape: that is all that is looked at before apt verifies. */
function release(fields: Record<string, string | undefined> = {}): string {
  const all = { Codename: "trixie", Date: utc(-HOUR_MS), SHA256: "\n 00 1 main/Packages", ...fields };
  const body = Object.entries(all).flatMap(([field, value]) => (value === undefined ? [] : [`${field}: ${value}\n`]));
  return `-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n${body.join("")}-----BEGIN PGP SIGNATURE-----\n\nx\n-----END PGP SIGNATURE-----\n`;
}

const utc = (fromNowMs: number) => new Date(NOW + fromNowMs).toUTCString();

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "vmbuilder-release-"));
  await mkdir(join(directory, "dists/trixie"), { recursive: true });
});
afterEach(() => rm(directory, { recursive: true, force: true }));

async function fetch(text: string, suite = "trixie") {
  await writeFile(join(directory, "dists/trixie/InRelease"), text);
  const downloader = openDownloader(1);
  try {
    return await fetchRelease(`file:${directory}//`, suite, { downloader, signal: new AbortController().signal }, NOW);
  } finally {
    downloader.close();
  }
}

describe("fetchRelease", () => {
  it("gives date, name and hash of what was fetched", async () => {
    expect(await fetch(release())).toEqual({
      url: `file:${directory}/dists/trixie/InRelease`,
      sha256: sha256Text(release()),
      dateMs: NOW - HOUR_MS,
      codename: "trixie",
      components: [],
    });
    expect((await fetch(release({ Codename: undefined })))?.codename).toBe("trixie");
  });

  it("gives nothing when there is no such suite", async () => {
    expect(await fetch(release(), "none")).toBeUndefined();
  });

  it.each([
    ["a web page", "<html><body>Log in</body></html>", "mirror-not-a-repository", /log-in page/],
    ["an empty file", "", "mirror-not-a-repository", /--mirror/],
    ["a release without a date", release({ Date: undefined }), "mirror-not-a-repository", /--mirror/],
    ["a release without hashes", release({ SHA256: undefined }), "mirror-not-a-repository", /--mirror/],
    [
      "one whose signature was stripped",
      release()
        .replace(/^[\s\S]*?\n\n/, "")
        .replace(/-----BEGIN[\s\S]*/, ""),
      "release-unsigned",
      /signature/,
    ],
    [
      "one whose signature was cut off",
      release().replace(/-----BEGIN PGP SIGNATURE[\s\S]*/, ""),
      "release-unsigned",
      /signature/,
    ],
    ["one from the future", release({ Date: utc(FUTURE_TOLERANCE_MS + 1000) }), "release-future", /clock/],
    ["one past its time", release({ "Valid-Until": utc(-1000) }), "release-expired", /mirror/],
  ])("refuses %s", async (_name, text, code, hint) => {
    await expect(fetch(text)).rejects.toMatchObject({ code, hint: expect.stringMatching(hint) });
  });

  it("tolerates a clock that is a little behind, and a release that is valid to the last second", async () => {
    expect(await fetch(release({ Date: utc(FUTURE_TOLERANCE_MS - 1000), "Valid-Until": utc(1000) }))).toBeDefined();
  });

  it.each([
    [-20_000, "1 minutes ago"],
    [-3 * HOUR_MS, "3 hours ago"],
    [-72 * HOUR_MS, "3 days ago"],
  ])("says by how much it is late: %d ms", async (fromNowMs, text) => {
    await expect(fetch(release({ "Valid-Until": utc(fromNowMs) }))).rejects.toThrow(text);
  });
});

describe("checkComponents", () => {
  const has = { url: "http://mirror.example.org/dists/trixie/InRelease", components: ["main", "contrib", "non-free"] };

  it.each([
    [["contrb", "non-fre"], "did you mean contrib, non-free? it has main, contrib, non-free: check it"],
    [["main", "nosuch"], "it has main, contrib, non-free: check it"],
  ])("refuses %j as wrong input, and names the nearest", (wanted, hint) => {
    const release = { ...has, sha256: "", dateMs: 0, codename: "trixie" };
    const missing = wanted.filter((name) => name !== "main").join(", ");
    expect(() => checkComponents(release, wanted, "check it")).toThrow(
      expect.objectContaining({
        code: "component-unknown",
        exitStatus: 2,
        message: `${has.url} has no component ${missing}`,
        hint,
      }),
    );
  });

  it("takes what the release lists, and anything where it lists nothing", () => {
    const release = { ...has, sha256: "", dateMs: 0, codename: "trixie" };
    checkComponents(release, ["non-free", "main"], "");
    checkComponents({ ...release, components: [] }, ["nosuch"], "");
  });
});
