import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { formatError } from "../../src/cli/terminal/error.ts";
import type { CacheObject } from "../../src/core/cache.ts";
import { runScripts } from "../../src/stages/tree-scripts.ts";
import { readGuestFiles } from "../../src/system/guest-files.ts";
import { OWN_MOUNTS, runInNamespace } from "../../src/system/namespace.ts";
import { failure, workOf } from "../fixtures/attempt.ts";
import { type FakePackage, type HostileEntry, hostileTar } from "../fixtures/debs.ts";
import { type Mirror, openMirror } from "../fixtures/mirror.ts";
import { type Installing, installInto, smallTree } from "../fixtures/small-tree.ts";
import { localRepository } from "../fixtures/test-cache.ts";

/** What moves a cursor. */
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f]/;

let base: CacheObject;
let mirror: Mirror;
let cache: string;

beforeAll(async () => {
  base = await smallTree();
});

beforeEach(async () => {
  mirror = await openMirror([], await localRepository());
  cache = await mkdtemp(join(tmpdir(), "vmb-cache-"));
});

afterEach(async () => {
  delete process.env.VMBUILDER_SCRIPT_SECONDS;
  expect(await processesNaming(cache)).toEqual([]);
  expect(await workOf(cache)).toEqual([]);
  await mirror.close();
  await rm(cache, { recursive: true, force: true });
});

async function install(fakes: readonly FakePackage[], options: Installing = {}): Promise<void> {
  await mirror.add(fakes);
  await installInto(
    base,
    mirror,
    fakes.map(({ name }) => name),
    cache,
    options,
  );
}

function script(body: string): string {
  return `#!/bin/sh\n${body}\n`;
}

/** What a program of the host's says of a tree, where it can be seen. */
async function seen(argv: readonly string[]): Promise<string> {
  return (await runInNamespace([...OWN_MOUNTS, ...argv])).stdout;
}

/** Files of the finished tree, by path. */
function inspecting(paths: readonly string[], check: (files: Map<string, string>) => void): Installing {
  return { inspect: async (tree) => check(await readGuestFiles(tree, paths)) };
}

test("a script of the recipe's reaches the host's network if it was asked for, and only then", async () => {
  const server = createServer((_, response) => response.end("host"));
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const { port } = server.address() as { port: number };
  const content = script(
    `perl -MIO::Socket -e 'exit !IO::Socket::INET->new("127.0.0.1:${port}")' && grep -q . /etc/resolv.conf && echo "$1" >/reached`,
  );
  try {
    await install([{ name: "any" }], {
      inspect: async (tree, context) => {
        const scripts = [{ name: "caller", content }];
        expect((await failure(runScripts(tree, scripts, undefined, context))).code).toBe("script-failed");
        await runScripts(tree, scripts, { proxy: undefined }, context);
        expect((await readGuestFiles(tree, ["/reached"])).get("/reached")).toBe("/\n");
      },
    });
  } finally {
    server.close();
  }
});

describe("a maintainer script", () => {
  test.each(["preinst", "postinst"])("%s fails: package, status and the last lines are named", async (name) => {
    const body = 'i=0; while [ $i -lt 80 ]; do echo "line $i"; i=$((i+1)); done; echo cause >&2; exit 7';
    const error = await failure(install([{ name: "failing", scripts: { [name]: script(body) } }]));
    expect(error.code).toBe("script-failed");
    expect(error.message).toMatch(/^package failing: .*7$/);
    expect(error.hint).toBeTruthy();
    expect(error.detail).toContain("line 79");
    expect(error.detail).toContain("cause");
    expect(error.detail?.split("\n").length).toBeLessThanOrEqual(50);
  });

  test.each(["preinst", "postinst"])("%s hangs: stopped at the deadline, and the package is named", async (name) => {
    process.env.VMBUILDER_SCRIPT_SECONDS = "3";
    const hanging = script("trap '' TERM INT HUP; echo waiting; while :; do sleep 1000; done");
    const startedAt = performance.now();
    const error = await failure(install([{ name: "hanging", scripts: { [name]: hanging } }]));
    expect(error.code).toBe("script-timeout");
    expect(error.message).toContain("hanging");
    expect(error.message).toContain("3 s");
    expect(performance.now() - startedAt).toBeLessThan(30_000);
  });

  test("leaves a daemon: it dies with the script's run", async () => {
    const daemon = script(
      "setsid sh -c 'trap \"\" TERM HUP; while :; do sleep 4321; done' </dev/null >/dev/null 2>&1 &",
    );
    await install([{ name: "daemon", scripts: { postinst: daemon } }]);
    expect(await processesNaming("sleep 4321")).toEqual([]);
  });

  test("leaves a daemon that holds its output: the build doesn't wait for it", async () => {
    const startedAt = performance.now();
    await install([{ name: "daemon", scripts: { postinst: script("sleep 4322 & exit 0") } }]);
    expect(performance.now() - startedAt).toBeLessThan(60_000);
    expect(await processesNaming("sleep 4322")).toEqual([]);
  });

  test("asks questions: nobody answers, and defaults hold", async () => {
    const templates = "Template: asking/color\nType: string\nDefault: blue\nDescription: Which color?\n";
    const config = script(". /usr/share/debconf/confmodule\ndb_input critical asking/color || true\ndb_go || true");
    const postinst = script('. /usr/share/debconf/confmodule\ndb_get asking/color\necho "$RET" >/color');
    await install(
      [{ name: "asking", control: { Depends: "debconf" }, scripts: { templates, config, postinst } }],
      inspecting(["/color"], (files) => expect(files.get("/color")?.split("\n")[0]).toBe("blue")),
    );
  });

  test("reads its standard input: it is empty", async () => {
    const postinst = script('if read -r line; then echo "got $line"; else echo nothing; fi >/input');
    await install(
      [{ name: "reading", scripts: { postinst } }],
      inspecting(["/input"], (files) => expect(files.get("/input")).toBe("nothing\n")),
    );
  });

  test("writes a line of a gigabyte and many lines: memory stays flat", async () => {
    const postinst = script("head -c 1000000000 /dev/zero | tr '\\0' a; echo; yes 'a full log' | head -c 100000000");
    let longest = 0;
    const before = process.memoryUsage().rss;
    let most = before;
    const watch = setInterval(() => {
      most = Math.max(most, process.memoryUsage().rss);
    }, 100);
    await install([{ name: "chatty", scripts: { postinst } }], {
      emit: (event) => {
        if (event.type === "log") longest = Math.max(longest, event.message.length);
      },
    });
    clearInterval(watch);
    expect(longest).toBeGreaterThan(0);
    expect(longest).toBeLessThanOrEqual(4096);
    expect((most - before) / 1e6).toBeLessThan(250);
  });

  test("writes control characters: the terminal shows them harmlessly", async () => {
    const postinst = script("printf '\\033]0;title\\007\\033[2Jgone\\r\\n' >&2; exit 1");
    const error = await failure(install([{ name: "colorful", scripts: { postinst } }]));
    expect(error.code).toBe("script-failed");
    expect(error.message).not.toMatch(CONTROL);
    const shown = formatError(error, { color: false, verbose: true });
    expect(shown).toContain("gone");
    expect(shown).not.toMatch(CONTROL);
  });

  test("looks around: it sees no environment, files, processes or network of the host", async () => {
    process.env.VMBUILDER_TEST_SECRET = "a-secret";
    const hostFile = join(cache, "host-file");
    await writeFile(hostFile, "");
    const server = createServer((_, response) => response.end("host"));
    await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
    const { port } = server.address() as { port: number };
    const postinst = script(
      [
        "mkdir /seen",
        "env >/seen/environment",
        `if [ -e ${hostFile} ]; then echo yes; else echo no; fi >/seen/file`,
        "ls /proc | grep -c '^[0-9]' >/seen/processes",
        "cat /proc/net/dev >/seen/devices",
        "cat /proc/self/mountinfo >/seen/mounts",
        "ls /dev >/seen/nodes",
        `if perl -MIO::Socket -e 'exit !IO::Socket::INET->new("127.0.0.1:${port}")'; then echo yes; else echo no; fi >/seen/loopback`,
        "if mknod /seen/disk b 8 0 2>/dev/null; then echo yes; else echo no; fi >/seen/mknod",
        "if mount -t tmpfs none /mnt 2>/dev/null; then echo yes; else echo no; fi >/seen/mount",
        "if mount -t binfmt_misc none /mnt 2>/dev/null; then echo yes; else echo no; fi >/seen/register",
        "if echo 0 2>/dev/null >/proc/sys/user/max_mnt_namespaces; then echo yes; else echo no; fi >/seen/limit",
        "if cat /etc/hostname /proc/sys/kernel/hostname; then :; fi >/seen/hostname 2>/dev/null || true",
      ].join("\n"),
    );
    try {
      await install(
        [{ name: "curious", scripts: { postinst } }],
        inspecting(["/seen"], (files) => {
          expect(files.get("/seen/environment")).not.toContain("a-secret");
          expect(files.get("/seen/environment")).not.toContain("VMBUILDER_");
          expect(files.get("/seen/file")).toBe("no\n");
          expect(Number(files.get("/seen/processes"))).toBeLessThan(20);
          expect(files.get("/seen/devices")).not.toMatch(/eth|ens|enp|wlan/);
          expect(files.get("/seen/loopback")).toBe("no\n");
          for (const deed of ["mknod", "mount", "register", "limit"]) expect(files.get(`/seen/${deed}`)).toBe("no\n");
          expect(files.get("/seen/nodes")).not.toMatch(/^(?:sd|vd|nvme|kmsg|mem|fuse|kvm)/m);
          expect(files.get("/seen/hostname")).toContain("localhost");
        }),
      );
    } finally {
      delete process.env.VMBUILDER_TEST_SECRET;
      server.close();
    }
  });
});

describe("a package", () => {
  const hostile: [string, HostileEntry][] = [
    ["a path that climbs out", { name: "./../../../../../../tmp/vmb-escaped", type: "0", content: "out" }],
    ["an absolute path that climbs", { name: "/../../tmp/vmb-escaped", type: "0", content: "out" }],
    ["a device node", { name: "./usr/lib/disk", type: "4", device: [8, 0] }],
  ];
  test.each(hostile)("with %s is refused by name, and nothing outside is touched", async (_, entry) => {
    const dataTar = hostileTar([{ name: "./", type: "5" }, entry]);
    const error = await failure(install([{ name: "hostile", dataTar }]));
    expect(error.code).toBe("package-malformed");
    expect(error.message).toContain("hostile");
    await expect(stat("/tmp/vmb-escaped")).rejects.toThrow("ENOENT");
  });

  test("with a hard link out of the tree links inside it", async () => {
    const dataTar = hostileTar([
      { name: "./", type: "5" },
      { name: "./usr/lib/linked", type: "1", link: "../../../../../../etc/passwd" },
    ]);
    await install([{ name: "linking", dataTar }], {
      inspect: async (tree) => {
        const files = [join(tree, "usr/lib/linked"), join(tree, "etc/passwd"), "/etc/passwd"];
        const [linked, own, host] = (await seen(["stat", "--format=%d, %h names", ...files])).split("\n");
        expect(linked).toMatch(/, 2 names$/);
        expect(linked).toBe(own);
        expect(linked).not.toBe(host);
        expect(await seen(["cmp", ...files.slice(0, 2)])).toBe("");
      },
    });
  });

  test("with an absolute path stays in the tree", async () => {
    const dataTar = hostileTar([{ name: "/tmp/vmb-escaped", type: "0", content: "inside" }]);
    await install([{ name: "absolute", dataTar }], {
      inspect: async (tree) => {
        expect(await seen(["cat", join(tree, "tmp/vmb-escaped")])).toBe("inside");
      },
    });
    await expect(stat("/tmp/vmb-escaped")).rejects.toThrow("ENOENT");
  });

  test("with setuid files: root of the guest owns them, and no one else can reach them", async () => {
    const dataTar = hostileTar([
      { name: "./", type: "5" },
      { name: "./usr/bin/rootme", type: "0", mode: 0o4755, content: "#!/bin/sh\n" },
    ]);
    await install([{ name: "setuid", dataTar }], {
      inspect: async (tree, context) => {
        expect(await seen(["stat", "--format=%a %u", join(tree, "usr/bin/rootme")])).toBe("4755 0\n");
        // A stranger on the host must not be able to run it: the work folder lets nobody in.
        expect((await stat(context.workDirectory)).mode & 0o077).toBe(0);
      },
    });
  });

  test("with a link to another folder, which a second package writes through: inside the tree alone", async () => {
    const outside = await mkdtemp(join(tmpdir(), "vmb-outside-"));
    try {
      const link = hostileTar([
        { name: "./", type: "5" },
        { name: "./usr/lib/trap", type: "2", link: outside },
        { name: "./usr/lib/climb", type: "2", link: `../../../../../../../..${outside}` },
      ]);
      const through = hostileTar([
        { name: "./", type: "5" },
        { name: "./usr/lib/trap/", type: "5" },
        { name: "./usr/lib/trap/a", type: "0", content: "a" },
        { name: "./usr/lib/climb/", type: "5" },
        { name: "./usr/lib/climb/b", type: "0", content: "b" },
      ]);
      await install([
        { name: "trap", dataTar: link },
        { name: "through", control: { "Pre-Depends": "trap" }, dataTar: through },
      ]).catch(() => {}); // whether it is refused or contained, the host must not notice
      expect(await readdir(outside)).toEqual([]);
    } finally {
      await rm(outside, { recursive: true });
    }
  });

  test("that is no package at all", async () => {
    await mirror.add([{ name: "broken" }]);
    await mirror.add([{ name: "truncated", dataTar: Buffer.from("this is no archive".repeat(100)) }]);
    const error = await failure(installInto(base, mirror, ["truncated"], cache));
    expect(error.code).toBe("package-malformed");
    expect(error.message).toContain("truncated");
  });

  test("that ships another's path: dpkg refuses it", async () => {
    const path = "/usr/share/contested";
    const error = await failure(
      install([
        { name: "first", files: { [path]: "first" } },
        { name: "second", files: { [path]: "second" } },
      ]),
    );
    expect(error.code).toBe("script-failed");
    expect(error.message).toMatch(/package .*(?:first|second).*: .*overwrite.*contested/);
  });

  test("that replaces another's path by its own declaration wins", async () => {
    const path = "/usr/share/contested";
    await install(
      [
        { name: "first", files: { [path]: "first" } },
        { name: "second", control: { Replaces: "first", Depends: "first" }, files: { [path]: "second" } },
      ],
      inspecting([path, "/var/lib/dpkg/info/first.list"], (files) => {
        expect(files.get(path)).toBe("second");
        expect(files.get("/var/lib/dpkg/info/first.list")).not.toContain(path);
      }),
    );
  });

  test("that diverts another's file in its preinst", async () => {
    const path = "/usr/share/diverted";
    const preinst = script(`dpkg-divert --package diverter --add --rename --divert ${path}.real ${path}`);
    await install(
      [
        { name: "diverter", scripts: { preinst }, files: { [path]: "diverter" } },
        { name: "diverted", files: { [path]: "original" } },
      ],
      inspecting([path, `${path}.real`], (files) => {
        expect(files.get(path)).toBe("diverter");
        expect(files.get(`${path}.real`)).toBe("original");
      }),
    );
  });
});

afterAll(async () => {
  await rm("/tmp/vmb-escaped", { force: true });
});

/** Command lines of processes that name a text. */
async function processesNaming(text: string): Promise<string[]> {
  const lines = await Promise.all(
    (await readdir("/proc"))
      .filter((name) => /^\d+$/.test(name) && name !== String(process.pid))
      .map((pid) => readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")),
  );
  return lines.map((line) => line.replaceAll("\0", " ").trim()).filter((line) => line.includes(text));
}
