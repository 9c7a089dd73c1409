import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { run } from "../../../system/process.ts";
import { QUICK_COMMANDS } from "./quick-scripts.ts";

/** Programs as the quick commands' last resort: they leave a mark, so that a test sees whether one was started. */
const WATCHED = `
command() { printf 'started '; env "$@"; }
`;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "vmb-quick-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function sh(script: string, args: readonly string[] = [], input = ""): Promise<string> {
  const { stdout } = await run(["sh", "-c", script, "sh", ...args], { input, cwd: folder, okStatuses: [0, 1] });
  return stdout;
}

const PATHS = [
  "a",
  "a/b",
  "/a",
  "/a/b",
  "a/",
  "/a/b/",
  "/",
  "//",
  "a//b",
  ".",
  "..",
  "a b/c d",
  "*/x",
  "",
  "-n",
  "a/-n",
  "ü/ö.ko",
];

describe("what hooks of an initramfs call", () => {
  it("dirname says what the program says", async () => {
    for (const path of PATHS) {
      const own = await sh(`${QUICK_COMMANDS}\ndirname "$1"`, [path]);
      expect(`${path}: ${own}`).toBe(`${path}: ${await sh('dirname "$1"', [path])}`);
    }
    const more = ["-z", "/x/y", "/z"];
    expect(await sh(`${QUICK_COMMANDS}\ndirname "$@"`, more)).toBe(await sh('dirname "$@"', more));
  });

  it("starts no program for a plain path", async () => {
    expect(await sh(`${WATCHED}${QUICK_COMMANDS}\ndirname /a/b; dirname a/b/c`)).toBe("/a\na/b\n");
    expect(await sh(`${WATCHED}${QUICK_COMMANDS}\ndirname /a`)).toBe("started /\n");
  });

  it("finds the library that isn't built for one kind of processor, as the hooks' own sed does", async () => {
    const scripts = [
      String.raw`s#/lib/\([^/]*/\)\?\(tls\|i686\|sse2\|neon\|vfp\).*/\(lib.*\)#/lib/\1\3#`,
      String.raw`s#-linux-gnu/\(tls\|i686\|sse2\|neon\|vfp\).*/\(lib.*\)#-linux-gnu/\2#`,
    ];
    const libraries = [
      "/lib/x86_64-linux-gnu/libc.so.6",
      "/lib/tls/libc.so.6",
      "/lib/i386-linux-gnu/i686/sse2/libc.so.6",
      "/usr/lib/arm-linux-gnueabihf/neon/vfp/libm.so.6",
      "/lib64/ld-linux-x86-64.so.2",
      "a  b\\n",
    ];
    for (const script of scripts)
      for (const library of libraries) {
        const own = await sh(`${QUICK_COMMANDS}\nprintf '%s\\n' "$2" | sed -e "$1"`, [script, library]);
        expect(own).toBe(await sh(`printf '%s\\n' "$2" | sed -e "$1"`, [script, library]));
      }
    const started = await sh(`${WATCHED}${QUICK_COMMANDS}\necho /lib/x/libc.so.6 | sed -e "$1"`, [scripts[0] ?? ""]);
    expect(started).toBe("/lib/x/libc.so.6\n");
  });

  it("leaves any other sed alone", async () => {
    expect(await sh(`${QUICK_COMMANDS}\nsed -e s/a/b/ -n -e p`, [], "a\na\n")).toBe("b\nb\n");
    expect(await sh(`${QUICK_COMMANDS}\nsed -e s/a/b/`, [], "a\na\n")).toBe("b\nb\n");
  });
});
