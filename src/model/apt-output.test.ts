import { describe, expect, it } from "vitest";
import { aptProgress, conffileDecisions, explainAptFailure, keptBack } from "./apt-output.ts";

describe("aptProgress", () => {
  it("counts what is fetched, unpacked and set up", () => {
    const read = aptProgress();
    const said = [
      "Reading package lists...",
      "1 upgraded, 1 newly installed, 1 to remove and 3 not upgraded.",
      "Get:1 http://m/debian trixie/main amd64 bc amd64 1.07.1-4 [105 kB]",
      "Removing old (1) ...",
      "Preparing to unpack .../bc_1.07.1-4_amd64.deb ...",
      "Unpacking bc (1.07.1-4) over (1.07.1-3) ...",
      "Setting up libc6:amd64 (2.41-12) ...",
    ].map(read);
    expect(said).toEqual([
      undefined,
      undefined,
      { done: 1, total: 7, item: "Fetch bc amd64 1.07.1-4 [105 kB]" },
      { done: 2, total: 7, item: "Removing old (1)" },
      undefined,
      { done: 3, total: 7, item: "Unpacking bc (1.07.1-4) over (1.07.1-3)" },
      { done: 4, total: 7, item: "Setting up libc6:amd64 (2.41-12)" },
    ]);
  });
});

describe("keptBack", () => {
  it("is what was kept back last", () => {
    const first =
      "The following packages have been kept back:\n  a b\n  c\nThe following packages will be upgraded:\n  d\n";
    expect(keptBack(first)).toEqual(["a", "b", "c"]);
    expect(keptBack(`${first}The following packages have been kept back:\n  c\n0 upgraded`)).toEqual(["c"]);
    expect(keptBack("0 upgraded, 0 newly installed\n")).toEqual([]);
  });
});

describe("conffileDecisions", () => {
  it("reads dpkg's words and what it left", () => {
    const log = `Installing new version of config file /etc/a ...
Configuration file '/etc/b'
 ==> Modified (by you or by a script) since installation.
 ==> Package distributor has shipped an updated version.
 ==> Keeping old config file as default.
Configuration file '/etc/c'
 ==> Using new file as you requested.
`;
    expect(conffileDecisions(log, ["/etc/b.dpkg-dist", "/etc/c.dpkg-old", "/etc/d.ucf-dist"])).toEqual([
      { path: "/etc/a", decision: "updated" },
      { path: "/etc/b", decision: "kept" },
      { path: "/etc/c", decision: "replaced" },
      { path: "/etc/d", decision: "kept" },
    ]);
  });
});

describe("explainAptFailure", () => {
  it.each([
    [
      "dpkg: error processing package bad (--configure):\n installed bad package post-installation script subprocess returned error exit status 3\nErrors were encountered\nE: Sub-process /usr/bin/dpkg returned an error code (1)\n",
      "dpkg failed at bad: installed bad package post-installation script subprocess returned error exit status 3",
    ],
    [
      "dpkg: error processing archive /x.deb (--unpack):\n cannot copy extracted data for './usr/x': failed to write (No space left on device)\n",
      "the machine's disk is full",
    ],
    ["E: You don't have enough free space in /var/cache/apt/archives/.\n", "the machine's disk is full"],
    [
      "E: The repository 'http://m/debian trixie-nix Release' does not have a Release file.\n",
      "http://m/debian has no suite trixie-nix",
    ],
    [
      "E: Failed to fetch http://m/a.deb  404  Not Found\nE: Unable to fetch some archives\n",
      "http://m/a.deb could not be fetched",
    ],
    ["E: Could not get lock\nE: Unable to lock directory\n", "Unable to lock directory"],
    ["all is well\n", undefined],
  ])("of %j says %j", (log, why) => expect(explainAptFailure(log)).toBe(why));
});
