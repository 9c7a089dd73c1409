import { describe, expect, it } from "vitest";
import { parseIni } from "./ini.ts";

describe("parseIni", () => {
  it("reads sections, both signs, comments, and lines that go on", () => {
    const text = [
      "# a comment",
      "[DEFAULT]",
      "Arch = amd64  ; trailing",
      "install_mirror: http://mirror.example.org/a;b",
      "addpkg = vim,",
      "  git",
      "; another",
      "[kvm]",
      "mem=256",
      "ip =",
    ].join("\r\n");
    expect(parseIni(text)).toEqual({
      entries: [
        { section: "DEFAULT", key: "arch", value: "amd64", line: 3 },
        { section: "DEFAULT", key: "install-mirror", value: "http://mirror.example.org/a;b", line: 4 },
        { section: "DEFAULT", key: "addpkg", value: "vim, git", line: 5 },
        { section: "kvm", key: "mem", value: "256", line: 9 },
        { section: "kvm", key: "ip", value: "", line: 10 },
      ],
      mistakes: [],
    });
  });

  it.each([
    ["a = 1", 1],
    ["[DEFAULT]\nnonsense", 2],
    ["  indented", 1],
    ["[DEFAULT]\n= x", 2],
  ])("tells of the line that is none in %j", (text, line) => {
    expect(parseIni(text).mistakes.map((mistake) => mistake.line)).toEqual([line]);
  });

  it("takes time in proportion to the text", () => {
    const startedAt = performance.now();
    parseIni(
      `[DEFAULT]\n${"a ".repeat(200_000)}\na${" ".repeat(200_000)}\n${"x = \n".repeat(50_000)}${"[".repeat(100_000)}`,
    );
    expect(performance.now() - startedAt).toBeLessThan(2000);
  });
});
