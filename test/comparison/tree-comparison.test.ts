import { createHash } from "node:crypto";
import { mkdtemp, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, matchesGlob } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseDeb822 } from "../../src/model/deb822.ts";
import { removeTree } from "../../src/system/files.ts";
import { ACCEPTED_DIFFERENCES } from "./accepted-differences.ts";
import { COMPARED_BY_MEANING } from "./canonical-forms.ts";
import { compareTrees, type Difference } from "./compare-trees.ts";
import type { TreeContents } from "./read-tree.ts";
import { type BuiltTrees, buildTrees } from "./trees.ts";

/** A cache to use again when the test is run repeatedly; by default it is made and removed. */
const CACHE_DIRECTORY = process.env.VMBUILDER_TEST_CACHE_DIR;
const BUILD_TIMEOUT_MS = 20 * 60 * 1000;
const DOCUMENT = join(import.meta.dirname, "../../docs/tree-differences.md");

const hasPath = ({ paths }: { paths: readonly string[] }, path: string) => paths.some((one) => matchesGlob(path, one));
const findForm = (path: string) => COMPARED_BY_MEANING.find((one) => hasPath(one, path))?.form;
const SHADOW = "/etc/shadow";
const EXTENDED_STATES = "/var/lib/apt/extended_states";

describe("a built tree", () => {
  let trees: BuiltTrees;
  let differences: Difference[];
  let scratch: string | undefined;

  beforeAll(async () => {
    const madeAfterSeconds = Math.floor(Date.now() / 1000) - 24 * 3600;
    scratch = CACHE_DIRECTORY === undefined ? await mkdtemp(join(tmpdir(), "vmbuilder-trees-")) : undefined;
    const keeps = (path: string) => path === SHADOW || path === EXTENDED_STATES || findForm(path) !== undefined;
    trees = await buildTrees(CACHE_DIRECTORY ?? String(scratch), keeps, AbortSignal.timeout(BUILD_TIMEOUT_MS));
    differences = compareTrees(trees.reference, trees.actual, { canonicalForm: findForm, madeAfterSeconds });
  }, BUILD_TIMEOUT_MS);

  afterAll(async () => {
    if (scratch !== undefined) await removeTree(scratch);
  });

  test("is mmdebstrap's, but for the accepted differences", () => {
    const unexpected = differences.filter(
      ({ path, aspect }) => !ACCEPTED_DIFFERENCES.some((one) => one.aspects.includes(aspect) && hasPath(one, path)),
    );
    expect(unexpected.map(formatDifference)).toEqual([]);
  });

  test("shows every accepted difference, so that none outlives its cause", () => {
    const unseen = ACCEPTED_DIFFERENCES.flatMap(({ paths, aspects }) =>
      paths.filter(
        (pattern) => !differences.some(({ path, aspect }) => aspects.includes(aspect) && matchesGlob(path, pattern)),
      ),
    );
    expect(unseen).toEqual([]);
  });

  test("has apt's marks of automatic packages, and more only where apt had no say", () => {
    const read = (tree: TreeContents) =>
      parseDeb822(String(tree.get(EXTENDED_STATES)?.content)).map((stanza) => formatStanza(stanza));
    const [reference, actual] = [read(trees.reference), read(trees.actual)];
    expect(linesBeyond(reference, actual)).toEqual([]);
    const more = linesBeyond(actual, reference).map((text) => text.split(" ")[0] ?? "");
    expect(more.filter((name) => !/^lib|^gcc-\d+-base$|^zlib1g$|^util-linux-extra$/.test(name))).toEqual([]);
  });

  test("is compared with a tree that has what is easily lost", () => {
    const nodes = [...trees.reference.values()];
    expect(nodes.some(({ xattrs }) => xattrs.some((one) => one.startsWith("security.capability=")))).toBe(true);
    expect(nodes.some(({ hardlinks }) => hardlinks.length > 1)).toBe(true);
    expect(nodes.some(({ owner }) => owner.endsWith(":crontab"))).toBe(true);
    expect(nodes.length).toBeGreaterThan(10_000);
  });

  test("holds nothing that its copies would share, and nothing of the build", () => {
    const paths = [...trees.actual.keys()];
    expect(trees.actual.get("/etc/machine-id")?.sha256).toBe(createHash("sha256").digest("hex"));
    expect(
      paths.filter((path) => /^\/etc\/ssh\/ssh_host_|^\/var\/lib\/systemd\/(random-seed|credential)/.test(path)),
    ).toEqual([]);
    expect(filesBelow(trees.actual, ["/var/lib/apt/lists", "/var/cache/apt", "/var/log/apt"])).toEqual([]);
    expect(
      paths.filter((path) => /^\/(tmp|var\/tmp|run|proc|sys|dev|mnt|media|home|\.)/.test(path) && !path.endsWith("/")),
    ).toEqual(
      ["/dev", "/home", "/media", "/mnt", "/proc", "/run", "/sys", "/tmp", "/var/tmp"].filter((path) =>
        paths.includes(path),
      ),
    );
    expect(paths.filter((path) => /\.(dpkg-(new|old|tmp|dist)|log)$/.test(path))).toEqual([]);
  });

  test("has no usable password and no owner without a name", () => {
    const shadow = String(trees.actual.get(SHADOW)?.content).trim().split("\n");
    expect(shadow.filter((line) => !/^[^:]+:[!*]+:/.test(line))).toEqual([]);
    expect([...trees.actual].filter(([, { owner }]) => /^\d|:\d/.test(owner)).map(([path]) => path)).toEqual([]);
    const modes = ["/root", "/tmp", "/var/tmp", SHADOW].map((path) => trees.actual.get(path)?.mode.toString(8));
    expect(modes).toEqual(["700", "1777", "1777", "640"]);
  });
});

test("docs/tree-differences.md tells of every accepted difference", async () => {
  const document = await readFile(DOCUMENT, "utf8");
  const rows = [
    ...ACCEPTED_DIFFERENCES.map(({ paths, aspects, reason }) => [listPaths(paths), aspects.join(", "), reason]),
    ...COMPARED_BY_MEANING.map(({ paths, reason }) => [listPaths(paths), reason]),
  ].map((cells) => `| ${cells.join(" | ")} |`);
  expect(document.split("\n").filter((line) => line.startsWith("| `"))).toEqual(rows);
});

function formatStanza(stanza: ReadonlyMap<string, string>): string {
  return ["Package", "Architecture", "Auto-Installed"].map((field) => stanza.get(field)).join(" ");
}

function listPaths(paths: readonly string[]): string {
  return paths.map((path) => `\`${path}\``).join(" ");
}

/** Long contents by the lines that only one side has. */
function formatDifference({ path, aspect, reference, actual }: Difference): string {
  const [before, after] = [reference.split("\n"), actual.split("\n")];
  if (before.length === 1 && after.length === 1) return `${path}: ${aspect}: ${reference} → ${actual}`;
  const lines = [
    ...linesBeyond(before, after).map((line) => `-${line}`),
    ...linesBeyond(after, before).map((line) => `+${line}`),
  ];
  return `${path}: ${aspect}: ${lines.slice(0, 100).join("\n")}`;
}

/** Lines that are more often in `lines` than in `others`. */
function linesBeyond(lines: readonly string[], others: readonly string[]): string[] {
  const left = new Map<string, number>();
  for (const line of others) left.set(line, (left.get(line) ?? 0) + 1);
  return lines.filter((line) => {
    const count = left.get(line) ?? 0;
    left.set(line, count - 1);
    return count <= 0;
  });
}

function filesBelow(tree: TreeContents, directories: readonly string[]): string[] {
  return [...tree]
    .filter(([path, { type }]) => type !== "directory" && directories.some((one) => path.startsWith(`${one}/`)))
    .map(([path]) => path);
}
