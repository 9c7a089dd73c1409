/** Does what pages of the documentation tell people to do, block after block, as they stand there, with real packages and machines. */
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { pageBlocks } from "../fixtures/page-blocks.ts";
import { run } from "../fixtures/vmbuilder.ts";

const ROOT = join(import.meta.dirname, "../..");
/** What was done before, by this test's own setup; and what root may not do. */
const LEFT_OUT = /^(make setup|export PATH=|vmbuilder up .*--libvirt)/;

/** A page, what it takes for there, and what a block's commands must have led to. */
interface Walk {
  readonly page: string;
  readonly files: Readonly<Record<string, string>>;
  readonly afterwards: readonly (readonly [block: RegExp, check: string, says: RegExp])[];
}

const WALKS: readonly Walk[] = [
  {
    page: "docs/tutorial.md",
    files: {},
    afterwards: [
      [/--forward 8080:80/, "vmbuilder ls", /^try +running/m],
      [/curl/, "curl -s http://localhost:8080/", /Welcome to nginx/],
      [/vmbuilder cp/, "cat nginx.conf", /http \{/],
      [/vmbuilder restore/, "vmbuilder exec try -- ls /etc/nginx", /^nginx\.conf$/m],
      [/vmbuilder test/, "vmbuilder exec web -- id ann", /uid=1000\(ann\)/],
      [/vmbuilder build/, "ls web-trixie-amd64-vm", /^run\.sh\n.*web\.vbox$|^web\.vbox$/m],
      [/vmbuilder rm/, "vmbuilder ls 2>&1", /there is no machine/],
    ],
  },
  {
    page: "docs/machines.md",
    files: {
      "web.yaml": "suite: trixie\nhostname: web\n",
      "site/index.html": "a page",
    },
    afterwards: [[/vmbuilder shell/, "vmbuilder ls", /^try +running/m]],
  },
];

describe.each(WALKS)("$page", ({ page, files, afterwards }) => {
  let folder: string;
  let env: NodeJS.ProcessEnv;
  beforeAll(async () => {
    folder = await mkdtemp("/tmp/vmb-walk-");
    await mkdir(join(folder, "home/.ssh"), { recursive: true });
    await run("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", join(folder, "home/.ssh/id_ed25519")]);
    env = {
      ...process.env,
      HOME: join(folder, "home"),
      PATH: `${join(ROOT, "bin")}:${process.env.PATH}`,
      NO_COLOR: "1",
    };
    for (const [name, content] of Object.entries(files)) {
      await mkdir(join(folder, name, ".."), { recursive: true });
      await writeFile(join(folder, name), content);
    }
  });
  afterAll(async () => {
    await bash('vmbuilder rm --force $(vmbuilder ls --json | sed \'s/.*"name":"\\([^"]*\\)".*/\\1/\') || true');
    await rm(folder, { recursive: true, force: true });
  });

  const bash = (text: string) => run("env", ["-C", folder, "bash", "-e", "-o", "pipefail", "-c", text], env);

  test.each(pageBlocks(join(ROOT, page)))("line $line", async ({ language, text }) => {
    if (language === "yaml") return void (await writeFile(join(folder, "web.yaml"), text));
    const commands = text.split("\n").filter((line) => !LEFT_OUT.test(line));
    const { status, stderr } = await bash(commands.join("\n"));
    expect(status, stderr).toBe(0);
    for (const [block, check, says] of afterwards.filter(([pattern]) => pattern.test(text)))
      expect((await bash(check)).stdout, String(block)).toMatch(says);
  });

  test("was told in blocks that are all looked at", async () => {
    const text = await readFile(join(ROOT, page), "utf8");
    for (const [block] of afterwards) expect(text).toMatch(block);
  });
});
