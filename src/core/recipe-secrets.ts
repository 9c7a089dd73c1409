import { createReadStream } from "node:fs";
import { VmbuilderError } from "../model/errors.ts";
import type { RecipeLayer } from "./recipe-layers.ts";

/** Files whose first line is a secret, which then stands neither in the recipe nor among a program's arguments. */
export const SECRET_FILES = { pass: "pass-file", rootpass: "rootpass-file", "luks-pass": "luks-pass-file" } as const;
const LONGEST_SECRET_BYTES = 4096;

/** Reads the secrets that a layer names files for. @throws file-unreadable, recipe-invalid with the place */
export async function withSecrets({ values, name }: RecipeLayer): Promise<RecipeLayer> {
  const all = { ...values };
  for (const [key, fileKey] of Object.entries(SECRET_FILES)) {
    const path = all[fileKey];
    if (path === undefined) continue;
    if (all[key] !== undefined)
      throw new VmbuilderError("recipe-invalid", `${name([fileKey])}: ${key} is given too`, {
        hint: "give one of them",
      });
    all[key] = await readFirstLine(path, name([fileKey]));
    delete all[fileKey];
  }
  return { values: all, name };
}

/** What no keyboard types, or what bytes that are no UTF-8 become. */
const NO_TEXT = /[\0-\x08\x0b-\x1f\x7f\ufffd]/;

/** Reads no more than a line: the file may be a pipe, or one that never ends. */
async function readFirstLine(path: unknown, name: string): Promise<string> {
  if (typeof path !== "string" || path === "")
    throw new VmbuilderError("recipe-invalid", `${name}: this is no file name`);
  let text = "";
  try {
    for await (const piece of createReadStream(path, { encoding: "utf8", end: LONGEST_SECRET_BYTES })) {
      text += String(piece);
      if (text.includes("\n")) break;
    }
  } catch (cause) {
    throw new VmbuilderError("file-unreadable", `${name}: cannot read ${path}`, {
      hint: "give a file whose first line is the password or passphrase",
      cause,
    });
  }
  const [line = ""] = text.split(/\r?\n/);
  if (NO_TEXT.test(line))
    throw new VmbuilderError("recipe-invalid", `${name}: the first line of ${path} is no text that can be typed`, {
      hint: "give a password or passphrase in UTF-8; a binary key can be added to an encrypted machine later, by cryptsetup",
    });
  if (line === "") throw new VmbuilderError("recipe-invalid", `${name}: the first line of ${path} is empty`);
  return line;
}
