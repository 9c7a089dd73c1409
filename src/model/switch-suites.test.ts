import { describe, expect, it } from "vitest";
import { switchSuites } from "./switch-suites.ts";

const change = { from: "bookworm", to: "trixie" };
const lines = (text: string, more = {}) => switchSuites("/etc/apt/sources.list", text, { ...change, ...more });
const paragraphs = (text: string, more = {}) => switchSuites("/etc/apt/x.sources", text, { ...change, ...more });

describe("one-line sources", () => {
  it.each([
    ["deb http://m/debian bookworm main", "deb http://m/debian trixie main"],
    ["deb-src http://m/debian bookworm-updates main contrib", "deb-src http://m/debian trixie-updates main contrib"],
    [
      "deb [signed-by=/usr/share/a.gpg arch=amd64] http://m/s bookworm-security main",
      "deb [signed-by=/usr/share/a.gpg arch=amd64] http://m/s trixie-security main",
    ],
    ["deb http://m/s bookworm/updates main", "deb http://m/s trixie-security main"],
    ["deb\thttp://m/debian\tbookworm\tmain # bookworm", "deb\thttp://m/debian\ttrixie\tmain # bookworm"],
    ["# deb http://m/debian bookworm main", "# deb http://m/debian bookworm main"],
    ["deb http://m/bookworm stable main", "deb http://m/bookworm stable main"],
    ["deb http://m/bookworm ./", "deb http://m/bookworm ./"],
    ["deb http://m/x bookwormish main", "deb http://m/x bookwormish main"],
  ])("makes of %j %j", (before, after) => expect(lines(`${before}\n`)).toBe(`${after}\n`));

  it("switches off what the archive doesn't have", () => {
    expect(
      lines("deb http://m/d bookworm main\ndeb http://m/d bookworm-updates main\n", {
        to: "sid",
        missing: ["sid-updates"],
      }),
    ).toBe("deb http://m/d sid main\n# deb http://m/d bookworm-updates main\n");
  });
});

describe("deb822 sources", () => {
  it("changes the suites and nothing else", () => {
    const text = `# bookworm's archive
Types: deb
URIs: http://m/bookworm
Suites: bookworm bookworm-updates bookworm-backports
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 bookworm

Types: deb
suites:
 bookworm-security
# a comment
 stable
URIs: http://m/s
`;
    expect(paragraphs(text)).toBe(
      text
        .replace(
          "Suites: bookworm bookworm-updates bookworm-backports",
          "Suites: trixie trixie-updates trixie-backports",
        )
        .replace("suites:\n bookworm-security\n# a comment\n stable", "suites: trixie-security stable"),
    );
  });

  it("leaves a file of another release alone", () => {
    const text = "Types: deb\nURIs: http://m\nSuites: noble  noble-updates\nComponents: main\n";
    expect(paragraphs(text)).toBe(text);
  });

  it("leaves out what the archive doesn't have, and switches off a source without suites", () => {
    const text =
      "Types: deb\nSuites: bookworm bookworm-updates\n\nTypes: deb\nEnabled: yes\nSuites: bookworm-security\n";
    expect(paragraphs(text, { to: "sid", missing: ["sid-updates", "sid-security"] })).toBe(
      "Types: deb\nSuites: sid\n\nTypes: deb\nEnabled: no\nSuites: bookworm-security\n",
    );
  });
});
