// Prints the stanzas of a Debian copyright file for the npm packages that the bundle and the page hold.
import { existsSync, readdirSync, readFileSync } from "node:fs";

const { dependencies } = JSON.parse(readFileSync("package.json", "utf8")) as { dependencies: Record<string, string> };
const OF_THE_PAGE = [
  "preact",
  "@preact/signals",
  "@preact/signals-core",
  "@xterm/xterm",
  "@xterm/addon-fit",
  "@novnc/novnc",
  "minisearch",
];

const OF_DEPENDENCIES = ["jose", "oauth4webapi"];

for (const name of [...Object.keys(dependencies), ...OF_DEPENDENCIES, ...OF_THE_PAGE]) {
  const folder = `node_modules/${name}`;
  if (!existsSync(folder)) continue;
  const { license } = JSON.parse(readFileSync(`${folder}/package.json`, "utf8")) as { license: string };
  const file = readdirSync(folder).find((one) => /^licen[cs]e/i.test(one));
  const text = file ? readFileSync(`${folder}/${file}`, "utf8").trim() : license;
  const holder = /^copyright.*$/im.exec(text)?.[0].replace(/^copyright\s*(\(c\)\s*)?/i, "") ?? `the authors of ${name}`;
  const indented = text.split("\n").map((line) => (line.trim() === "" ? " ." : ` ${line.trimEnd()}`));
  console.log(
    `\nFiles: usr/share/vmbuilder/dist/*${name.replaceAll("/", "-")}*\nComment: a part of the bundle: ${name}`,
  );
  console.log(`Copyright: ${holder}\nLicense: ${license}\n${indented.join("\n")}`);
}
