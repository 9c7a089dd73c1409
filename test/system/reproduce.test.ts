import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { builtCache, makeBuildFolder } from "../fixtures/built-cache.ts";
import { lockForReproduction, reproduce } from "../fixtures/reproduction.ts";

let root: string;
beforeAll(async () => {
  root = await makeBuildFolder("vmb-twins-");
  const built = await builtCache();
  for (const name of ["one", "other"]) {
    await mkdir(join(root, name));
    await built.copyTo(join(root, name, "cache"), "packages");
  }
});
afterAll(async () => {
  if (root) await rm(root, { recursive: true, force: true });
});

// `make reproduce` tries each circumstance alone, and more of them
test("two installations from one lock are the same bytes, whatever the clock, umask, zone, locale and processors", async () => {
  const reproduction = await lockForReproduction(root);
  const one = await reproduce(reproduction, { name: "one", folder: "one" }, root);
  const other = await reproduce(
    reproduction,
    {
      name: "other",
      folder: "other",
      before: ["sh", "-c", 'umask 077 && exec faketime -f +100d taskset -c 0 "$@"', "sh"],
      environment: { TZ: "Asia/Tokyo", LANG: "de_DE.UTF-8", LC_ALL: "C" },
    },
    root,
  );
  expect(other).toEqual(one);
  expect(Object.keys(one)).toContain("test.qcow2");
});
