import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type TarEntry, TarScanner } from "./tar-scanner.ts";
import { type TarItem, tarFileHeader, writeTar } from "./tar-writer.ts";

type Scanned = TarEntry & { content: string };

/** Scans archives that arrive in pieces of the given lengths, over and over. */
function scan(
  archive: Buffer,
  lengths: readonly number[] = [archive.length],
): { entries: Scanned[]; ends: number; complete: boolean } {
  const entries: Scanned[] = [];
  let ends = 0;
  const scanner = new TarScanner({
    onEntry: (entry) => void entries.push({ ...entry, content: "" }),
    onContent: (piece) => {
      const last = entries.at(-1);
      if (last) last.content += piece.toString("latin1");
    },
    onEnd: () => ends++,
  });
  for (let at = 0, i = 0; at < archive.length; i++) {
    const length = lengths[i % lengths.length] ?? 1;
    scanner.push(archive.subarray(at, at + length));
    at += length;
  }
  return { entries, ends, complete: scanner.complete };
}

const part = fc.stringMatching(/^[a-zA-Z0-9 ._+äß€-]{1,70}$/).filter((name) => name !== "." && name !== "..");
const path = fc.array(part, { minLength: 1, maxLength: 6 }).map((parts) => `/${parts.join("/")}`);
const id = fc.integer({ min: 0, max: 65_535 });
const mode = fc.integer({ min: 0, max: 0o7777 });
const item: fc.Arbitrary<TarItem> = fc.oneof(
  fc.record({
    kind: fc.constant("file" as const),
    path,
    content: fc.uint8Array({ maxLength: 1500 }).map((bytes) => Buffer.from(bytes)),
    mode,
    mtimeSeconds: fc.integer({ min: 0, max: 2 ** 33 - 1 }),
  }),
  fc.record({
    kind: fc.constant("file" as const),
    path,
    content: fc.string({ unit: "grapheme", maxLength: 50 }),
    mode,
    uid: id,
    gid: id,
  }),
  fc.record({ kind: fc.constant("directory" as const), path, mode, uid: id, gid: id }),
  fc.record({ kind: fc.constant("symlink" as const), path, target: path }),
);
const chunks = fc.array(fc.integer({ min: 1, max: 1100 }), { minLength: 1, maxLength: 5 });

function expected(one: TarItem): Partial<Scanned> {
  const owner = { uid: ("uid" in one && one.uid) || 0, gid: ("gid" in one && one.gid) || 0 };
  const mtimeSeconds = ("mtimeSeconds" in one && one.mtimeSeconds) || 7;
  switch (one.kind) {
    case "directory":
      return { name: `.${one.path}/`, type: "directory", mode: one.mode, ...owner, mtimeSeconds, sizeBytes: 0 };
    case "symlink":
      return { name: `.${one.path}`, type: "symlink", linkTarget: one.target };
    case "file": {
      const content = Buffer.from(one.content).toString("latin1");
      return { name: `.${one.path}`, type: "file", mode: one.mode, ...owner, content, sizeBytes: content.length };
    }
  }
}

describe("writeTar", () => {
  it("is read back by the scanner, wherever the stream is cut", () => {
    fc.assert(
      fc.property(fc.array(item, { maxLength: 5 }), chunks, (items, lengths) => {
        const { entries, ends, complete } = scan(writeTar(items, 7), lengths);
        expect(entries).toMatchObject(items.map(expected));
        expect(ends).toBe(items.length > 0 ? 1 : 0);
        expect(complete).toBe(true);
      }),
    );
  });

  it.each([99, 100, 101, 155, 255, 256, 4095])("keeps a name and a link's target of %d bytes", (length) => {
    const name = `/${"n".repeat(length - 2)}`;
    const items: TarItem[] = [
      { kind: "symlink", path: name, target: "t".repeat(length) },
      { kind: "file", path: "/after", content: "x", mode: 0o644 },
    ];
    const { entries } = scan(writeTar(items, 0));
    expect(entries.map(({ name: scanned, linkTarget }) => [scanned, linkTarget])).toEqual([
      [`.${name}`, "t".repeat(length)],
      ["./after", ""],
    ]);
  });

  it("ends each archive, so that several can follow one another", () => {
    const one = writeTar([{ kind: "file", path: "/a", content: "1", mode: 0o644 }], 0);
    const two = writeTar([{ kind: "file", path: "/b", content: "2", mode: 0o644 }], 0);
    expect(scan(Buffer.concat([one, two]))).toMatchObject({ entries: [{ name: "./a" }, { name: "./b" }], ends: 2 });
    expect(one.length % 512).toBe(0);
  });
});

it("stores a size that octal digits cannot hold", () => {
  const sizeBytes = 9 * 1024 ** 3;
  const sizes: number[] = [];
  const scanner = new TarScanner({ onEntry: (entry) => void sizes.push(entry.sizeBytes), onEnd: () => {} });
  scanner.push(tarFileHeader("disk", sizeBytes));
  expect(sizes).toEqual([sizeBytes]);
});
