import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatDeb822, parseDeb822 } from "./deb822.ts";

const fields = fc.stringMatching(/^[A-Z][A-Za-z0-9-]{0,12}$/);
const words = fc.stringMatching(/^[!-~]([ -~]{0,30}[!-~])?$/);
/** A first line, perhaps empty, and continuation lines. */
const values = fc.tuple(
  fc.oneof(words, fc.constant("")),
  fc.array(
    words.map((word) => `\n ${word}`),
    { maxLength: 3 },
  ),
);
const stanzas = fc
  .array(fc.tuple(fields, values), { minLength: 1, maxLength: 6 })
  .map((pairs) => new Map(pairs.map(([field, [first, rest]]) => [field, first + rest.join("")])));

describe("deb822", () => {
  it("reads back what it wrote", () => {
    fc.assert(
      fc.property(fc.array(stanzas, { maxLength: 4 }), (written) => {
        expect(parseDeb822(formatDeb822(written))).toEqual(written);
      }),
    );
  });

  it("reads paragraphs, continuation lines, comments, and several empty lines between", () => {
    const text =
      "# comment\nPackage: a\nDescription: short\n long\n .\n more\n\n\n \nPackage: b\n# in between\nDepends:\n c,\n d\n";
    expect(parseDeb822(text)).toEqual([
      new Map([
        ["Package", "a"],
        ["Description", "short\n long\n .\n more"],
      ]),
      new Map([
        ["Package", "b"],
        ["Depends", "\n c,\n d"],
      ]),
    ]);
  });

  it("keeps colons of a value, and takes field names as data", () => {
    const [stanza] = parseDeb822("Homepage: https://example.org:80/\n__proto__: x\nconstructor: y\n");
    expect(stanza?.get("Homepage")).toBe("https://example.org:80/");
    expect(stanza?.get("__proto__")).toBe("x");
    expect(stanza?.get("toString")).toBeUndefined();
  });

  it.each(["", "\n\n", " continuation of nothing\n", ": no name\n", "no colon\n", "\u0000\u0001"])(
    "makes nothing of %j",
    (text) => {
      expect(parseDeb822(text)).toEqual([]);
    },
  );
});
