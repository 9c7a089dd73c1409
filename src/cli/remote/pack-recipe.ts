import { readFile } from "node:fs/promises";
import { basename, dirname, resolve } from "node:path";
import { FILE_KEYS } from "../../core/recipe-file.ts";
import { VmbuilderError } from "../../model/errors.ts";
import { isDebPath } from "../../model/plan.ts";

/** A recipe as a server takes it: what it names files by is in `files`. */
export interface PackedRecipe {
  readonly recipe: Record<string, unknown>;
  readonly files: Record<string, { base64: string }>;
}

/**
 * Puts the files that a recipe names beside it, under names without folders.
 *
 * @param values as `writtenValues` gives them, with secrets read
 * @throws file-unreadable with the key
 */
export async function packRecipe(values: Record<string, unknown>): Promise<PackedRecipe> {
  const files: Record<string, { base64: string }> = {};
  const names = new Map<string, Promise<string>>();
  const add = (key: string, path: string): Promise<string> => {
    const name = names.get(path) ?? read(key, path);
    names.set(path, name);
    return name;
  };
  const read = async (key: string, path: string): Promise<string> => {
    const content = await readFile(path).catch((cause: NodeJS.ErrnoException) => {
      throw new VmbuilderError("file-unreadable", `${key}: cannot read ${path}: ${cause.message}`, { cause });
    });
    const name = freeName(basename(path), files);
    files[name] = { base64: content.toString("base64") };
    return name;
  };
  const addCopies = async (path: string): Promise<string> => {
    const lines = (await readFile(path, "utf8").catch(() => "")).split("\n");
    const packed = await Promise.all(
      lines.map(async (line) => {
        const [source = ""] = line.trim().split(/\s+/);
        if (source === "" || source.startsWith("#")) return line;
        return line.replace(source, await add("copy", resolve(dirname(path), source)));
      }),
    );
    const name = await add("copy", path);
    files[name] = { base64: Buffer.from(packed.join("\n")).toString("base64") };
    return name;
  };
  const pack = async (key: string, value: unknown): Promise<unknown> => {
    if (Array.isArray(value)) return Promise.all(value.map((one) => pack(key, one)));
    if (typeof value !== "string") return value;
    return key === "copy" ? addCopies(value) : add(key, value);
  };
  const entries = Object.entries(values).map(async ([written, value]): Promise<[string, unknown]> => {
    const key = written.replace(/\+$/, "");
    if (key === "addpkg")
      return [
        written,
        await Promise.all([value].flat().map((one) => (isDebPath(String(one)) ? add(key, String(one)) : one))),
      ];
    if (key === "repositories")
      return [written, await Promise.all([value].flat().map((one) => withKey(one, (path) => add(key, path))))];
    return [written, FILE_KEYS.includes(key) ? await pack(key, value) : value];
  });
  return { recipe: Object.fromEntries(await Promise.all(entries)), files };
}

async function withKey(repository: unknown, add: (path: string) => Promise<string>): Promise<unknown> {
  if (typeof repository !== "object" || repository === null || !("key" in repository)) return repository;
  const { key } = repository;
  return typeof key !== "string" || /^[a-z]+:/.test(key) ? repository : { ...repository, key: await add(key) };
}

/** Two files of different folders may have one name. */
function freeName(wanted: string, files: Record<string, unknown>): string {
  const plain = wanted.replace(/[^A-Za-z0-9._-]/g, "_").replace(/^\.+/, "_") || "file";
  for (let number = 1; ; number++) {
    const name = number === 1 ? plain : `${number}-${plain}`;
    if (!(name in files) && name !== "recipe.yaml") return name;
  }
}
