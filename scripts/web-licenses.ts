/**
 * Writes what the page's packages are licensed by, and where their sources are, into `licenses.txt` beside the page.
 *
 *   node scripts/web-licenses.ts DIR
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** What the bundled page and the documentation hold of others. */
const PACKAGES = [
  "preact",
  "@preact/signals",
  "@preact/signals-core",
  "yaml",
  "@xterm/xterm",
  "@novnc/novnc",
  "minisearch",
];
const FILES = ["LICENSE", "LICENSE.txt", "docs/LICENSE.MPL-2.0"];

const folder = process.argv[2] ?? "dist/web";
const modules = join(import.meta.dirname, "../node_modules");
const parts = PACKAGES.map((name) => {
  const { version, license } = JSON.parse(readFileSync(join(modules, name, "package.json"), "utf8"));
  const texts = FILES.map((file) => join(modules, name, file)).filter((path) => existsSync(path));
  if (texts.length === 0) throw new Error(`${name} has no license file`);
  const head = `${name} ${version} (${license}), unchanged; its source is the npm package of this name and version`;
  return [head, "=".repeat(head.length), ...texts.map((path) => readFileSync(path, "utf8"))].join("\n\n");
});
writeFileSync(join(folder, "licenses.txt"), `${parts.join("\n\n")}\n`);
