import { describe, expect, it } from "vitest";
import { escapeControls } from "../../model/escape-controls.ts";
import { displayWidth, printableLines, truncate, wrap } from "./text.ts";

describe("escapeControls", () => {
  it("shows what would drive a terminal", () => {
    expect(escapeControls("\x1b[2Ja\x07\r\x7f\u009b31m\tb\u202ec")).toBe("\\x1b[2Ja\\x07\\x0d\\x7f\\x9b31m b\\u202ec");
  });

  it("leaves letters of all languages", () => {
    expect(escapeControls("Größe 日本 é")).toBe("Größe 日本 é");
  });
});

describe("printableLines", () => {
  it("splits at line ends of both kinds and drops the last empty ones", () => {
    expect(printableLines("a\r\nb\n\n")).toEqual(["a", "b"]);
  });
});

describe("truncate", () => {
  it.each([
    ["abcdef", 6, "abcdef"],
    ["abcdef", 5, "abcd…"],
    ["日本語", 5, "日本…"],
    ["日本語", 4, "日…"],
    ["abc", 0, ""],
  ])("cuts %s to %i columns", (text, columns, cut) => {
    expect(truncate(text, columns)).toBe(cut);
    expect(displayWidth(cut)).toBeLessThanOrEqual(columns);
  });
});

describe("wrap", () => {
  it("breaks at spaces, and within a word that is too long", () => {
    expect(wrap("aa bb cccccc d", 5)).toEqual(["aa bb", "ccccc", "c d"]);
  });
});
