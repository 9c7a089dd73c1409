import { expect, it } from "vitest";
import { run } from "../fixtures/vmbuilder.ts";
import { expectGolden } from "./golden-file.ts";

/** Files that come by the dozen, or whose names hold a hash, stand for their kind. */
function kind(path: string): string {
  return path
    .replace(/^(build\/types\/\w+)\/.*(\.d\.ts)$/, "$1/**/*$2")
    .replace(/^(dist\/parts)\/.*(\.mjs)$/, "$1/*$2")
    .replace(/^(dist\/web\/assets|dist\/docs)\/.*?(\.\w+(\.br|\.gz)?)$/, "$1/**/*$2")
    .replace(/^recipes\/[^/]+\/.*$/, "recipes/*/**");
}

it("the npm package holds what it shall, and nothing else", async () => {
  const { status, stdout, stderr } = await run("npm", ["pack", "--dry-run", "--json", "--ignore-scripts"]);
  expect(status, stderr).toBe(0);
  const answer: unknown = JSON.parse(stdout);
  const [pack] = (Array.isArray(answer) ? answer : Object.values(answer as object)) as { files: { path: string }[] }[];
  const kinds = [...new Set(pack?.files.map(({ path }) => kind(path)))].sort();
  await expectGolden("npm-package.txt", `${kinds.join("\n")}\n`);
});
