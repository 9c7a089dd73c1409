import { describe, expect, it } from "vitest";
import { formatChecksums, parseChecksums } from "./checksums.ts";

const A = "a".repeat(64);
const B = "b".repeat(64);

describe("checksums", () => {
  it("are written in the order of names, and read back", () => {
    const text = formatChecksums([
      { name: "web.vmdk", sha256: B },
      { name: "build.json", sha256: A },
    ]);
    expect(text).toBe(`${A}  build.json\n${B}  web.vmdk\n`);
    expect(parseChecksums(text, "SHA256SUMS")).toHaveLength(2);
  });
  it.each([
    ["a path", `${A}  ../secret\n`],
    ["an absolute path", `${A}  /etc/passwd\n`],
    ["the folder above", `${A}  ..\n`],
    ["a short hash", `${A.slice(1)}  web\n`],
    ["another hash's length", `${A}${A}  web\n`],
    ["a name twice", `${A}  web\n${B}  web\n`],
    ["no end of its last line", `${A}  web`],
    ["nothing", ""],
  ])("with %s are refused", (_, text) => {
    expect(() => parseChecksums(text, "SHA256SUMS")).toThrow("is no list of checksums");
  });
});

it("a name that would be two lines is refused", () => {
  expect(() => formatChecksums([{ name: "a\nb", sha256: "0".repeat(64) }])).toThrow(/line end or a backslash/);
});
