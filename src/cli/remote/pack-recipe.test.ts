import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { packRecipe } from "./pack-recipe.ts";

let folder = "";

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "vmb-pack-"));
  for (const name of ["a", "b"]) {
    await mkdir(join(folder, name));
    await writeFile(join(folder, name, "key.pub"), `key of ${name}\n`);
  }
  await writeFile(join(folder, "copies"), "# a list\na/key.pub /etc/key 0600\n");
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const text = (file: { base64: string } | undefined) => Buffer.from(file?.base64 ?? "", "base64").toString();

it("sends each file once, by a name of its own", async () => {
  const { recipe, files } = await packRecipe({
    "hostname": "web",
    "ssh-key": [join(folder, "a/key.pub"), join(folder, "b/key.pub")],
    "copy": join(folder, "copies"),
    "addpkg": ["vim"],
    "repositories": [{ uri: "https://mirror.example.org/", key: join(folder, "a/key.pub") }],
  });
  const [first, second] = recipe["ssh-key"] as string[];
  expect(new Set([first, second, recipe.copy]).size).toBe(3);
  expect([first, second].map((name) => text(files[String(name)])).sort()).toEqual(["key of a\n", "key of b\n"]);
  const line = text(files[String(recipe.copy)]).split("\n")[1] ?? "";
  const [source = "", ...rest] = line.split(" ");
  expect(text(files[source])).toBe("key of a\n");
  expect(rest).toEqual(["/etc/key", "0600"]);
  const [{ key }] = recipe.repositories as [{ key: string }];
  expect(text(files[key])).toBe("key of a\n");
  expect(recipe.addpkg).toEqual(["vim"]);
  expect(Object.keys(files)).toHaveLength(3);
  for (const name of Object.keys(files)) expect(name).toMatch(/^[A-Za-z0-9_-][A-Za-z0-9._-]*$/);
});

it("says which key names a file that isn't there", async () => {
  await expect(packRecipe({ "ssh-key": join(folder, "none") })).rejects.toMatchObject({
    code: "file-unreadable",
    message: expect.stringContaining("ssh-key"),
  });
});
