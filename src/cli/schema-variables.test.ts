import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { readRecipe } from "../core/recipe-file.ts";
import { createProgram } from "./program.ts";
import { recipeFileSchema, recipeJsonSchema } from "./recipe-schema.ts";

const ajv = new Ajv2020({ strict: false, formats: { cidrv4: true, cidrv6: true } });
addFormats.default(ajv);
const fits = ajv.compile(recipeFileSchema(createProgram()));
const fitsFilled = ajv.compile(recipeJsonSchema(createProgram()));

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "vmb-schema-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Whether a build takes the recipe. */
async function isRead(text: string): Promise<boolean> {
  const file = join(folder, "recipe.yaml");
  await writeFile(file, text);
  return readRecipe(file, {}).then(
    () => true,
    () => false,
  );
}

/** The schema's word on a value in place of which a variable stands, beside a build's with that value. */
const PLACES = [
  { place: "a pattern", text: "hostname: web-$", value: "3" },
  { place: "a choice", text: "fs: $", value: "btrfs" },
  { place: "a number", text: "mem: $", value: "2048" },
  { place: "true or false", text: "lvm: $", value: "true" },
  { place: "a size", text: "rootsize: $", value: "6G" },
  { place: "an address", text: "proxy: http://$:3142", value: "proxy.example.org" },
  { place: "an IP address", text: "ip: 192.0.2.$/24", value: "7" },
  { place: "a list, one value", text: "addpkg: $", value: "vim" },
  { place: "a list, an item", text: "addpkg: [vim, '$']", value: "nano" },
  { place: "a list of choices", text: "sbom: ['$']", value: "spdx" },
  { place: "an addition", text: "groups+: ['$']", value: "adm" },
  { place: "two patterns", text: "interfaces: [{name: '$'}]", value: "lan" },
  { place: "an object in a list", text: "disks: [{size: 9G, partitions: [{mount: /, fs: '$'}]}]", value: "xfs" },
  {
    place: "a repository",
    text: "repositories: [{name: a, uri: '$', suite: trixie}]",
    value: "https://mirror.example.org/a",
  },
  { place: "a test's pattern", text: "tests: [{file: /etc/motd, mode: '$'}]", value: "0644" },
  { place: "a password's file", text: "pass-file: $", value: "/dev/null", isRead: false },
  { place: "an integer alone", text: "tests: [{command: x, status: '$'}]", value: "1", fits: false, isRead: false },
  { place: "a list of objects", text: "interfaces: $", value: "lan", fits: false, isRead: false },
  { place: "true or false, in a text", text: "lvm: $x", value: "true", fits: false, isRead: false },
  { place: "an include", text: "include: ['$']", value: "/dev/null", isRead: false },
];

describe("the schema of recipe files", () => {
  it.each(PLACES)(
    "takes variables where a build takes them: $place",
    async ({ place: _, text, value, ...expected }) => {
      const written = text.replace("$", `\${v}`);
      expect({ fits: fits(parse(written)), isRead: await isRead(`vars: {v: "${value}"}\n${written}\n`) }).toEqual({
        fits: true,
        isRead: true,
        ...expected,
      });
    },
  );

  it.each([
    `hostname: web-\${n:-1}`,
    `lvm: \${lvm:-true}`,
    `dest: $\${plain}`,
    "hostname: web",
    "lvm: true",
    "mem: 512",
    "ip: 192.0.2.7/24",
  ])("takes %s", async (text) => {
    expect([fits(parse(text)), await isRead(text)]).toEqual([true, true]);
  });

  it.each([
    `hostname: web-\${`,
    `hostname: web-\${1}`,
    `hostname: $\${plain}`,
    `hostnam: \${n:-web}`,
    "hostname: web_1",
    "fs: ext5",
    "lvm: maybe",
    "mem: much",
    "ip: 192.0.2.700",
  ])("refuses %s", async (text) => {
    expect([fits(parse(text)), await isRead(text)]).toEqual([false, false]);
  });

  it("is stricter where variables are filled in", () => {
    expect(fitsFilled({ hostname: `web-\${n}` })).toBe(false);
  });
});
