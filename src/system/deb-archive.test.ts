import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readDebLayout } from "./deb-archive.ts";

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "vmbuilder-deb-"));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

function member(name: string, content: string, size = String(content.length)): string {
  return `${name.padEnd(16)}${"0".padEnd(12)}${"0".padEnd(6)}${"0".padEnd(6)}${"100644".padEnd(8)}${size.padEnd(10)}\`\n${content}${content.length % 2 ? "\n" : ""}`;
}

async function read(text: string) {
  const path = join(directory, "a.deb");
  await writeFile(path, text, "latin1");
  return readDebLayout(path);
}

const BINARY = member("debian-binary", "2.0\n");

describe("readDebLayout", () => {
  it("finds both members, after an odd one and with others between", async () => {
    const text = `!<arch>\n${BINARY}${member("_gpgorigin", "x")}${member("control.tar.xz", "abc")}${member("data.tar.zst/", "defg")}`;
    const { control, data } = await read(text);
    expect(control).toMatchObject({ name: "control.tar.xz", sizeBytes: 3 });
    expect(text.slice(control.offset, control.offset + 3)).toBe("abc");
    expect(data).toMatchObject({ name: "data.tar.zst", sizeBytes: 4 });
    expect(text.slice(data.offset, data.offset + 4)).toBe("defg");
  });

  const CONTROL = member("control.tar", "");
  const DATA = member("data.tar", "");
  it.each([
    ["an empty file", ""],
    ["a web page", "<html>log in first</html>"],
    ["an archive of nothing", "!<arch>\n"],
    ["a cut header", `!<arch>\n${BINARY}${CONTROL.slice(0, 30)}`],
    ["no data", `!<arch>\n${BINARY}${CONTROL}`],
    ["no debian-binary first", `!<arch>\n${CONTROL}${DATA}${BINARY}`],
    ["a member that ends after the file", `!<arch>\n${BINARY}${CONTROL}${member("data.tar", "abc", "4000")}`],
    ["a size that is no number", `!<arch>\n${BINARY}${CONTROL}${member("data.tar", "abc", "many")}`],
    ["a broken header", `!<arch>\n${BINARY}${CONTROL.replace("`", "'")}${DATA}`],
    ["members without end", `!<arch>\n${BINARY}${member("x", "").repeat(1000)}${CONTROL}${DATA}`],
  ])("refuses %s", async (_name, text) => {
    await expect(read(text)).rejects.toMatchObject({
      code: "package-malformed",
      message: expect.stringContaining("a.deb"),
    });
  });

  // Known fault: a negative size moves the reader backwards, at most eight times, and its member is believed.
  it("refuses a negative size", async () => {
    await expect(read(`!<arch>\n${BINARY}${CONTROL}${member("data.tar", "abc", "-2")}`)).rejects.toMatchObject({
      code: "package-malformed",
    });
  });
});
