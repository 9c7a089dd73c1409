import { readdir, readFile, stat } from "node:fs/promises";
import { basename, dirname, isAbsolute, join, posix } from "node:path";
import { VmbuilderError } from "../model/errors.ts";
import { isGuestPath } from "../model/file-edit.ts";
import type { CopiedFile, MachineScript } from "../model/identity.ts";
import { readSmallFile } from "../system/files.ts";

const LARGEST_SCRIPT_BYTES = 1024 * 1024;
/** They go through memory; what is larger belongs into a package. */
const MOST_COPIED_BYTES = 64 * 1024 * 1024;

/**
 * Reads scripts that the machine will run.
 *
 * @throws file-unreadable; recipe-invalid when one doesn't name its interpreter
 */
export function readScripts(option: string, paths: readonly string[]): Promise<MachineScript[]> {
  return Promise.all(
    paths.map(async (path) => {
      const content = await readSmallFile(path, LARGEST_SCRIPT_BYTES);
      if (!content.startsWith("#!"))
        throw new VmbuilderError("recipe-invalid", `${option}: ${path} does not say what runs it`, {
          hint: "let its first line be #!/bin/sh, or what it needs",
        });
      return { name: basename(path).replace(/[^A-Za-z0-9._-]/g, "_"), content };
    }),
  );
}

/**
 * Reads answers to questions of packages: lines `OWNER NAME TYPE VALUE`, as debconf-set-selections(1) has them.
 *
 * @throws file-unreadable, recipe-invalid with the place
 */
export async function readSeeds(path: string): Promise<string> {
  const text = await readSmallFile(path, LARGEST_SCRIPT_BYTES);
  const continued = text.replace(/\\\n\s*/g, " ");
  for (const [index, line] of continued.split("\n").entries()) {
    if (/^\s*(#|$)/.test(line) || /^\s*\S+\s+\S+\s+[a-z]+(\s|$)/.test(line)) continue;
    throw new VmbuilderError("recipe-invalid", `seedfile: ${path}:${index + 1}: this is no answer for debconf`, {
      hint: "a line is: PACKAGE QUESTION TYPE VALUE",
    });
  }
  return `${text.trimEnd()}\n`;
}

/**
 * Reads what lists of files to copy name: lines `SOURCE DESTINATION [MODE [OWNER[:GROUP]]]`. A source is relative to its
 * list, and may be a folder; a destination that ends with a slash is a folder.
 *
 * @throws file-unreadable, recipe-invalid with the place
 */
export async function readCopies(lists: readonly string[]): Promise<CopiedFile[]> {
  const copies: CopiedFile[] = [];
  let left = MOST_COPIED_BYTES;
  for (const list of lists) {
    const lines = (await readSmallFile(list, LARGEST_SCRIPT_BYTES)).split("\n");
    for (const [index, line] of lines.entries()) {
      const at = `${list}:${index + 1}`;
      const words = line.trim().split(/\s+/);
      if (words[0] === "" || words[0]?.startsWith("#")) continue;
      for (const copy of await readLine(words, dirname(list), at)) {
        left -= copy.base64.length * 0.75;
        if (left < 0)
          throw new VmbuilderError("recipe-invalid", `${at}: more than 64 MiB are to be copied`, {
            hint: "bring large files by a package, or fetch them in a first-boot script",
          });
        copies.push(copy);
      }
    }
  }
  return copies;
}

async function readLine(words: readonly string[], folder: string, at: string): Promise<CopiedFile[]> {
  const wrong = (why: string, hint = "a line is: SOURCE DESTINATION [MODE [OWNER[:GROUP]]]") =>
    new VmbuilderError("recipe-invalid", `${at}: ${why}`, { hint });
  const [from = "", to = "", mode, ownership = "0:0"] = words;
  if (words.length < 2 || words.length > 4) throw wrong("this is no line of a list of files");
  const target = to.endsWith("/") ? posix.join(to, basename(from)) : to;
  if (!isGuestPath(target)) throw wrong(`"${to}" is no path in a machine`, "give an absolute path without ..");
  if (mode !== undefined && !/^[0-7]{3,4}$/.test(mode)) throw wrong(`"${mode}" is no mode`, "give one such as 0644");
  const [, owner = "", group] = /^([a-z0-9_-]+)(?::([a-z0-9_-]+))?$/.exec(ownership) ?? [];
  if (owner === "") throw wrong(`"${ownership}" is no owner`, "give one such as root:adm or 1000");
  const source = isAbsolute(from) ? from : join(folder, from);
  const files = await listFiles(source).catch((cause: unknown) => {
    throw new VmbuilderError("file-unreadable", `${at}: cannot read ${source}`, {
      hint: "give a file or folder",
      cause,
    });
  });
  return Promise.all(
    files.map(async ({ path, within, permissions }) => {
      const bytes = await readFile(path).catch((cause: unknown) => {
        throw new VmbuilderError("file-unreadable", `${at}: cannot read ${path}`, { cause });
      });
      const place = within === "" ? target : posix.join(target, within);
      if (!isGuestPath(place)) throw wrong(`"${place}" is no path in a machine`, "rename the file");
      const numericMode = mode === undefined ? permissions : Number.parseInt(mode, 8);
      return { path: place, mode: numericMode, owner, group, base64: bytes.toString("base64") };
    }),
  );
}

/** Plain files at or below a path; links are followed, other things than files and folders left out. */
async function listFiles(root: string): Promise<{ path: string; within: string; permissions: number }[]> {
  const info = await stat(root);
  if (info.isFile())
    return refuseLarge(root, info.size) ?? [{ path: root, within: "", permissions: info.mode & 0o777 }];
  if (!info.isDirectory()) throw new Error("neither file nor folder");
  const below = await Promise.all(
    (await readdir(root))
      .sort()
      .map(async (name) =>
        (await listFiles(join(root, name))).map((file) => ({ ...file, within: posix.join(name, file.within) })),
      ),
  );
  return below.flat();
}

function refuseLarge(path: string, sizeBytes: number): undefined {
  if (sizeBytes > MOST_COPIED_BYTES) throw new Error(`${path} is larger than 64 MiB`);
}
