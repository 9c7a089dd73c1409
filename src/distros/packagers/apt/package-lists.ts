import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { parseDeb822, type Stanza } from "../../../model/deb822.ts";

/** One of apt's lists, with the places of each package's paragraphs; they are large, so few are ever parsed. */
export interface PackageList {
  /** Name of its file. */
  readonly file: string;
  readonly bytes: Buffer;
  /** Where the paragraphs of a package begin, in their order. */
  readonly offsets: ReadonlyMap<string, readonly number[]>;
}

const NEWLINE = 10;
const PARAGRAPH_END = Buffer.from("\n\n");
const NAME = Buffer.from("Package: ");

/** Reads the package lists in a folder of apt's. */
export async function readPackageLists(directory: string): Promise<PackageList[]> {
  const files = (await readdir(directory)).filter((name) => name.endsWith("_Packages"));
  return Promise.all(files.map(async (file) => indexList(file, await readFile(join(directory, file)))));
}

/** Gives back the memory of lists that nobody needs any more: tens of megabytes, at once instead of with the next garbage. */
export function releaseLists(lists: readonly PackageList[]): void {
  for (const { bytes } of lists) {
    const memory = bytes.buffer;
    if (memory instanceof ArrayBuffer && memory.byteLength === bytes.length) memory.transfer(0);
  }
}

/** Finds the paragraphs of a list. */
export function indexList(file: string, bytes: Buffer): PackageList {
  const offsets = new Map<string, number[]>();
  for (let start = skipEmptyLines(bytes, 0); start < bytes.length; ) {
    const name = nameAt(bytes, start);
    const known = offsets.get(name);
    if (known) known.push(start);
    else offsets.set(name, [start]);
    start = skipEmptyLines(bytes, paragraphEnd(bytes, start));
  }
  return { file, bytes, offsets };
}

/** The paragraph that begins at a place of a list, without the line that ends it. */
export function paragraphAt({ bytes }: PackageList, start: number): Buffer {
  return bytes.subarray(start, paragraphEnd(bytes, start));
}

/** Finds a version's paragraph. */
export function findStanza(
  lists: readonly PackageList[],
  { name, version, architecture }: { name: string; version: string; architecture: string },
): Stanza | undefined {
  for (const list of lists) {
    for (const start of list.offsets.get(name) ?? []) {
      const [stanza] = parseDeb822(paragraphAt(list, start).toString("utf8"));
      if (stanza?.get("Version") === version && stanza.get("Architecture") === architecture) return stanza;
    }
  }
  return undefined;
}

/** All packages that have a field, with its value there. Few have one that is worth asking for, so no paragraph is parsed. */
export function* withField({ bytes }: PackageList, field: string): Generator<{ name: string; value: string }> {
  const mark = `\n${field}: `;
  for (const at of placesOf(bytes, mark)) {
    const start = at + mark.length;
    yield { name: ownerAt(bytes, at), value: bytes.toString("latin1", start, valueEnd(bytes, start)).trim() };
  }
}

/** Names of all packages that have a value in a field. */
export function namesWith({ bytes }: PackageList, field: string, value: string): string[] {
  return [...placesOf(bytes, `\n${field}: ${value}\n`)].map((at) => ownerAt(bytes, at));
}

function* placesOf(bytes: Buffer, text: string): Generator<number> {
  const mark = Buffer.from(text);
  for (let at = bytes.indexOf(mark); at !== -1; at = bytes.indexOf(mark, at + 1)) yield at;
}

/** The package whose paragraph a place lies in. */
function ownerAt(bytes: Buffer, at: number): string {
  const before = bytes.lastIndexOf(PARAGRAPH_END, at);
  return nameAt(bytes, before === -1 ? 0 : before + PARAGRAPH_END.length);
}

/** Every archive's lists begin a paragraph with the name; nothing demands it. */
function nameAt(bytes: Buffer, start: number): string {
  let at = bytes.indexOf(NAME, start);
  while (at > start && bytes[at - 1] !== NEWLINE) at = bytes.indexOf(NAME, at + 1);
  return at === -1 ? "" : bytes.toString("latin1", at + NAME.length, lineEnd(bytes, at)).trim();
}

function paragraphEnd(bytes: Buffer, start: number): number {
  const end = bytes.indexOf(PARAGRAPH_END, start);
  return end === -1 ? bytes.length : end;
}

function skipEmptyLines(bytes: Buffer, start: number): number {
  let at = start;
  while (bytes[at] === NEWLINE) at++;
  return at;
}

function lineEnd(bytes: Buffer, start: number): number {
  const end = bytes.indexOf(NEWLINE, start);
  return end === -1 ? bytes.length : end;
}

/** A value goes on in lines that begin with a space. */
function valueEnd(bytes: Buffer, start: number): number {
  let end = lineEnd(bytes, start);
  while (bytes[end + 1] === 0x20 || bytes[end + 1] === 0x09) end = lineEnd(bytes, end + 1);
  return end;
}
