import { createReadStream } from "node:fs";
import { text } from "node:stream/consumers";
import { VmbuilderError } from "../model/errors.ts";
import { isSshKeyLine } from "../model/recipe.ts";

/** No key file is larger; devices are. */
const KEY_FILE_BYTES = 1024 * 1024;

/** What a shell writes for `<(command)`, or an open file of the caller's. */
const PIPE = /^\/(dev|proc\/self)\/(fd\/|std)/;

/**
 * Reads public ssh keys from files.
 *
 * @param option where the paths come from, for the messages
 * @throws file-unreadable, recipe-invalid when one holds anything else
 */
export async function readSshKeys(option: string, paths: readonly string[]): Promise<string[]> {
  const keys: string[] = [];
  for (const path of paths) {
    const isPipe = PIPE.test(path);
    const content = await text(createReadStream(path, { end: KEY_FILE_BYTES })).catch((cause: unknown) => {
      throw new VmbuilderError("file-unreadable", `${option}: cannot read ${path}`, {
        hint: isPipe
          ? "sudo closes what a shell opened by <(…), and the next command has it no more: write the key into a file"
          : "give a public key file, such as ~/.ssh/id_ed25519.pub",
        cause,
      });
    });
    const lines = content
      .split("\n")
      .map((line) => line.trim())
      .filter((line) => line !== "" && !line.startsWith("#"));
    if (/PRIVATE KEY/.test(content))
      throw new VmbuilderError("recipe-invalid", `${option}: ${path} is a private key`, {
        hint: `give the public one: ${isPipe ? "<(ssh-keygen -y -f PRIVATE-KEY)" : `${path}.pub`}`,
      });
    if (isPipe && content === "")
      throw new VmbuilderError("recipe-invalid", `${option}: ${path} is empty`, {
        hint: "either its command said nothing, or it was read before, which a pipe can be but once, as for each machine of a matrix: write the key into a file",
      });
    if (content.length > KEY_FILE_BYTES || lines.length === 0 || !lines.every(isSshKeyLine))
      throw new VmbuilderError("recipe-invalid", `${option}: ${path} holds no ssh public key`, {
        hint: "give a file whose lines begin with ssh-ed25519, ssh-rsa, …",
      });
    keys.push(...lines);
  }
  return keys;
}
