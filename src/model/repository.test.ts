import { describe, expect, test } from "vitest";
import { parseRepositoryLine, plainFingerprint, repositoryName, repositorySchema } from "./repository.ts";

const FINGERPRINT = "0123456789ABCDEF0123456789ABCDEF01234567";

describe("parseRepositoryLine", () => {
  test.each<[string, object]>([
    ["http://m.example.org/d trixie main", { uri: "http://m.example.org/d", suite: "trixie", components: ["main"] }],
    [
      "deb [arch=amd64 signed-by=/k.gpg] https://m.example.org/d trixie a b",
      { key: "/k.gpg", uri: "https://m.example.org/d", suite: "trixie", components: ["a", "b"] },
    ],
    ["[trusted=yes] /srv/debs ./", { trusted: true, uri: "/srv/debs", suite: "./" }],
    [
      `[ name=web fingerprint=${FINGERPRINT} check-valid-until=no ] file:/srv x main`,
      {
        name: "web",
        fingerprint: FINGERPRINT,
        "check-valid-until": false,
        uri: "file:/srv",
        suite: "x",
        components: ["main"],
      },
    ],
    [`[signed-by=${FINGERPRINT}] /d x`, { fingerprint: FINGERPRINT, uri: "/d", suite: "x" }],
  ])("reads %s", (line, expected) => {
    expect(parseRepositoryLine(line)).toEqual(expected);
    expect(repositorySchema.safeParse(parseRepositoryLine(line)).success).toBe(true);
  });

  test.each([
    ["http://m.example.org/d", "names no suite"],
    ["", "is no repository"],
    ["[trusted=maybe] /d x", "neither yes nor no"],
    ["[allow-weak=yes] /d x", "not known here"],
    ["[signed-by=/k /d x", "names no suite"],
  ])("refuses %j", (line, message) => {
    const refused = () => repositorySchema.parse(parseRepositoryLine(line));
    if (line.startsWith("[signed")) expect(refused).toThrow();
    else expect(refused).toThrow(message);
  });
});

describe("repositorySchema", () => {
  const good = { uri: "https://m.example.org/debian", suite: "trixie" };

  test.each<[string, object]>([
    ["no suite", { uri: good.uri }],
    ["a password", { ...good, uri: "https://me:secret@m.example.org/debian" }],
    ["another kind of address", { ...good, uri: "ftp://m.example.org/debian" }],
    ["a relative folder", { ...good, uri: "debs" }],
    ["a line end", { ...good, uri: "https://m.example.org/\nTrusted: yes" }],
    ["a suite that climbs", { ...good, suite: "../../etc/" }],
    ["a suite with a space", { ...good, suite: "trixie main" }],
    ["a component with a line end", { ...good, components: ["main\nTrusted: yes"] }],
    ["a short fingerprint", { ...good, fingerprint: "89ABCDEF" }],
    ["a name with a slash", { ...good, name: "../debian" }],
    ["a name of the archive's", { ...good, name: "debian" }],
    ["an unknown field", { ...good, trust: true }],
  ])("refuses %s", (_, repository) => {
    expect(repositorySchema.safeParse(repository).success).toBe(false);
  });

  test("takes suites in folders, and flat ones", () => {
    for (const suite of ["trixie/updates", "./", "/", "debs/", "el7-stable"])
      expect(repositorySchema.safeParse({ ...good, suite }).success).toBe(true);
  });
});

test("a name is made from the address", () => {
  expect(repositoryName({ uri: "https://m.example.org/linux/debian/" })).toBe("m.example.org-linux-debian");
  expect(repositoryName({ uri: "/srv/debs" })).toBe("srv-debs");
  expect(repositoryName({ uri: "file:///" })).toBe("repository");
  expect(repositoryName({ name: "web", uri: "/srv" })).toBe("web");
});

test("a fingerprint is written in one way", () => {
  expect(plainFingerprint("0x0123 4567 89ab")).toBe("0123456789AB");
});
