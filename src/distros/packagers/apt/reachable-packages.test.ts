import { describe, expect, it } from "vitest";
import type { PackageRef } from "../../../model/package.ts";
import type { PackageRequest } from "../../../model/plan.ts";
import { indexList } from "./package-lists.ts";
import { leavesChoice, reachablePackages } from "./reachable-packages.ts";

/** A list of packages, each with its fields. */
function listOf(packages: Record<string, Record<string, string>>) {
  const paragraphs = Object.entries(packages).map(([name, fields]) =>
    [`Package: ${name}`, ...Object.entries(fields).map(([field, value]) => `${field}: ${value}`), ""].join("\n"),
  );
  return indexList("main_Packages", Buffer.from(paragraphs.join("\n")));
}

const request = (fields: Partial<PackageRequest>): PackageRequest => ({
  priorities: [],
  include: [],
  exclude: [],
  ...fields,
});

describe("reachablePackages", () => {
  const lists = [
    listOf({
      base: { Essential: "yes", "Pre-Depends": "libc (>= 2) | musl" },
      libc: { Priority: "optional" },
      tool: { Priority: "required" },
      server: { Priority: "important" },
      web: { Depends: "engine, perl:any", Recommends: "extra", Suggests: "docs" },
      nginx: { Provides: "httpd, engine (= 1)" },
      apache2: { Provides: "engine", Depends: "apache2-data" },
      "apache2-data": {},
      perl: {},
      extra: {},
      docs: {},
      unwanted: {},
    }),
    listOf({ web: { Version: "2", Depends: "newer" }, newer: {} }),
  ];
  const reach = (fields: Partial<PackageRequest>) => [...reachablePackages(lists, request(fields)).names].sort();

  it("follows every alternative, version and provider, and nothing that is recommended", () => {
    expect(reach({ include: ["web"] })).toEqual(
      ["apache2", "apache2-data", "base", "engine", "libc", "musl", "newer", "nginx", "perl", "web"].sort(),
    );
  });

  it("begins with what is essential, asked for by priority, optional, and even unwanted: apt must know it by name", () => {
    expect(reach({})).toEqual(["base", "libc", "musl"]);
    expect(reach({ priorities: ["required"], optional: ["docs"], exclude: ["unwanted"] })).toEqual(
      ["base", "docs", "libc", "musl", "tool", "unwanted"].sort(),
    );
  });
});

describe("leavesChoice", () => {
  const lists = [
    listOf({
      pod: { Depends: "network" },
      one: { Provides: "network" },
      two: { Provides: "network", Priority: "required" },
      "default-mta": {},
      exim: { Provides: "mta" },
      postfix: { Provides: "mta" },
      alone: { Provides: "only" },
      awk: {},
      gawk: { Provides: "awk" },
    }),
  ];
  const leaves = (depends: string, others: string[], fields: Partial<PackageRequest> = {}) => {
    const solution = [{ name: "asks", depends }, ...others.map((name) => ({ name, depends: "" }))];
    return leavesChoice(solution as PackageRef[], lists, reachablePackages(lists, request(fields)));
  };

  it.each([
    ["a name that two provide", "network", ["one"], {}, true],
    ["one of which is asked for", "network", ["one"], { include: ["one"] }, false],
    ["one of which is asked for by its priority", "network", ["two"], { priorities: ["required"] }, false],
    ["as the second alternative, the first being nothing", "none | network", ["one"], {}, true],
    ["behind a package", "default-mta | mta", ["default-mta", "exim"], {}, false],
    ["behind a package that is not chosen", "default-mta | mta", ["exim"], {}, true],
    ["a name that one alone provides", "only", ["alone"], {}, false],
    ["a package that another provides, too", "awk", ["gawk"], {}, false],
    ["nothing that is there", "none", [], {}, false],
  ])("%s", (_, depends, others, fields, expected) => {
    expect(leaves(depends, others, fields)).toBe(expected);
  });
});
