import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { findSuite, isArchived, readSuites, type Suite, upgradeWay } from "./suites.ts";

const CSV = `version,codename,series,created,release,eol,eol-server,eol-esm,eol-legacy
4.10,Warty Warthog,warty,2004-03-05,2004-10-20,2006-04-30
20.04 LTS,Focal Fossa,focal,2019-10-17,2020-04-23,2025-05-31,2025-05-31,2030-04-23,2032-04-27
23.10,Mantic Minotaur,mantic,2023-04-20,2023-10-12,2024-07-11
24.04 LTS,Noble Numbat,noble,2023-10-12,2024-04-25,2029-05-31,2029-05-31,2034-04-25,2036-04-29
24.10,Oracular Oriole,oracular,2024-04-25,2024-10-10,2025-07-10
26.04 LTS,Resolute Raccoon,resolute,2025-10-09,2026-04-23,2031-05-29,2031-05-29,2036-04-23,2038-04-27
`;

let directory: string;
let suites: Suite[];
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "vmbuilder-suites-"));
  await writeFile(join(directory, "ubuntu.csv"), CSV);
  suites = await readSuites(join(directory, "ubuntu.csv"));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

describe("readSuites", () => {
  it("reads releases from 20.04 on, with their ends", () => {
    expect(suites.map(({ codename }) => codename)).toEqual(["focal", "mantic", "noble", "oracular", "resolute"]);
    expect(suites[0]).toMatchObject({
      isLts: true,
      version: 20.04,
      supportedUntil: "2025-05-31",
      archivedAfter: "2032-04-27",
    });
    expect(suites[1]).toMatchObject({ isLts: false, supportedUntil: "2024-07-11", archivedAfter: "2024-07-11" });
  });
});

describe("upgradeWay", () => {
  it.each([
    ["focal", "noble", "lts", []],
    ["focal", "resolute", "lts", ["noble"]],
    ["mantic", "oracular", "normal", ["noble"]],
    ["noble", "oracular", "normal", []],
  ] as const)("from %s to %s is %s, past %j", (from, to, prompt, passedOver) =>
    expect(upgradeWay(suites, from, to)).toEqual({ by: { prompt }, passedOver }),
  );
});

describe("findSuite", () => {
  it.each([
    ["lts", "2024-04-24", "focal"],
    ["lts", "2025-01-01", "noble"],
    ["lts", "2026-04-23", "resolute"],
    ["stable", "2025-01-01", "oracular"],
    ["devel", "2025-11-01", "resolute"],
    ["mantic", "2026-01-01", "mantic"],
  ])("%s is on %s %s", (wanted, today, codename) => {
    expect(findSuite(suites, wanted, today).codename).toBe(codename);
  });

  it("says what to do when the table ends before a suite in development", () => {
    expect(() => findSuite(suites, "devel", "2026-11-01")).toThrow(
      expect.objectContaining({ code: "suite-unknown", hint: expect.stringContaining("distro-info-data") }),
    );
  });

  it.each(["trixie", "", "warty", "Noble", "24.04", "../noble", "toString", "__proto__"])(
    "doesn't know %j",
    (wanted) => {
      expect(() => findSuite(suites, wanted, "2025-08-09")).toThrow(
        expect.objectContaining({ code: "suite-unknown", hint: expect.stringContaining("noble") }),
      );
    },
  );
});

describe("isArchived", () => {
  it("counts the years of paid support, in which the mirrors carry a suite", () => {
    const archived = suites.filter((suite) => isArchived(suite, "2025-07-11")).map(({ codename }) => codename);
    expect(archived).toEqual(["mantic", "oracular"]);
  });
});
