import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { VmbuilderError } from "./errors.ts";
import { formatBytes, formatSize, GIB, KIB, MIB, parseSize } from "./size.ts";

describe("parseSize", () => {
  it.each([
    ["4G", 4 * GIB],
    ["512M", 512 * MIB],
    ["1.5GiB", 1.5 * GIB],
    ["2 tb", 2048 * GIB],
    ["100k", 100 * KIB],
    ["300", 300 * MIB],
    [300, 300 * MIB],
    ["0", 0],
    [" 1G ", GIB],
  ])("reads %j", (text, bytes) => {
    expect(parseSize(text)).toBe(bytes);
  });

  it.each([
    "",
    "G",
    "-1",
    "1e30",
    "NaN",
    "Infinity",
    "0x10",
    "1,5G",
    "4 G B",
    "4GG",
    "1.2345G",
    "٤G",
    "1\n2",
    "1".repeat(40),
  ])("refuses %j", (text) => {
    expect(() => parseSize(text)).toThrow(VmbuilderError);
  });

  it.each([-1, Number.NaN, 1e30, Number.POSITIVE_INFINITY])("refuses the number %s", (number) => {
    expect(() => parseSize(number)).toThrow(expect.objectContaining({ code: "recipe-invalid", exitStatus: 2 }));
  });

  it("reads what formatSize writes", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 64 * 1024 * 1024 }), (mebibytes) => {
        expect(parseSize(formatSize(mebibytes * MIB))).toBe(mebibytes * MIB);
      }),
    );
  });

  it("gives whole bytes, or an error of ours, for whatever text", () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(..."0123456789.-+eEKMGTiB ") }), (text) => {
        try {
          const bytes = parseSize(text);
          expect(Number.isInteger(bytes) && bytes >= 0).toBe(true);
        } catch (error) {
          expect(error).toBeInstanceOf(VmbuilderError);
        }
      }),
    );
  });
});

describe("formatBytes", () => {
  it.each([
    [0, "0 B"],
    [830, "830 B"],
    [999, "999 B"],
    [1000, "1.0 kB"],
    [999_499, "999 kB"],
    [999_500, "1.0 MB"],
    [1.44e9, "1.4 GB"],
    [72e6, "72 MB"],
    [9.96e6, "10 MB"],
    [5e15, "5000 TB"],
  ])("%d is %s", (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });

  it("is never wider than seven columns below a petabyte", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 999e12 }), (bytes) => {
        expect(formatBytes(bytes).length).toBeLessThan(8);
      }),
    );
  });
});

describe("formatSize", () => {
  it.each([
    [4 * GIB, "4 GiB"],
    [1536 * MIB, "1536 MiB"],
    [0, "0 GiB"],
  ])("%d is %s", (bytes, text) => {
    expect(formatSize(bytes)).toBe(text);
  });
});
