/** The wizard on a terminal of its own, which script(1) gives it. */
import { spawn } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { run, VMBUILDER } from "../fixtures/vmbuilder.ts";

const CTRL_C = "\x03";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "vmb-wizard-"));
  await run("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", join(folder, "key")]);
  await writeFile(join(folder, "config.yaml"), `mirror: ${folder}/none\n`);
  await writeFile(join(folder, "there.yaml"), "");
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** Answers each question when it is asked, and tells what stood on the terminal in the end. */
function converse(answers: readonly (readonly [question: string, answer: string])[]) {
  const env = {
    ...process.env,
    HOME: folder,
    USER: "ann",
    NO_COLOR: "1",
    TERM: "dumb",
    VMBUILDER_USER_CONFIG: join(folder, "config.yaml"),
    VMBUILDER_CACHE_DIR: join(folder, "cache"),
  };
  const child = spawn("script", ["-qefc", `'${VMBUILDER}' wizard`, "/dev/null"], { cwd: folder, env });
  return new Promise<{ status: number | null; text: string }>((resolve, reject) => {
    const left = [...answers];
    let text = "";
    let seen = 0;
    child.stdout.on("data", (chunk: Buffer) => {
      text += chunk.toString();
      for (const [question, answer] of left) {
        const at = text.indexOf(question, seen);
        if (at < 0) return;
        seen = at + question.length;
        left.shift();
        child.stdin.write(answer === CTRL_C ? answer : `${answer}\r`);
      }
    });
    child.once("error", reject);
    child.once("close", (status) => resolve({ status, text }));
  });
}

const SUITE = "Release of Debian, such as trixie or stable [stable]";
const NAME = "Name of the machine [vm]";
const USER = "User who may use sudo, or root alone [ann]";
const KEY = "Public ssh key to log in with";
const LAST = [
  ["Size of the root file system [4G]", "3G"],
  ["Memory in MB [1024]", ""],
  ["Packages to add", "nginx curl"],
] as const;

describe("the wizard", () => {
  it("asks again where an answer is wrong, shows the recipe, saves it, and builds nothing unless told", async () => {
    const { status, text } = await converse([
      [SUITE, "nope"],
      [SUITE, "trixie"],
      [NAME, "a/b"],
      [NAME, "web"],
      [USER, "daemon"],
      [USER, ""],
      [KEY, join(folder, "key")],
      [KEY, "~/key.pub"],
      ...LAST,
      ["Save it as [web.yaml]", "there.yaml"],
      ["Save it as [web.yaml]", ""],
      ["Build it now? [y]", "n"],
    ]);
    const recipe = `suite: trixie
hostname: web
user: ann
ssh-user-key: ${folder}/key.pub
rootsize: 3G
mem: 1024
addpkg:
  - nginx
  - curl
`;
    for (const said of [
      'Debian has no suite "nope"',
      '"a/b" is no host name',
      'user "daemon" is a name that the system uses itself',
      "holds no public key",
      "there.yaml exists already",
      recipe.replaceAll("\n", "\r\n"),
      "web.yaml is saved; vmbuilder build web.yaml builds it",
    ])
      expect(text).toContain(said);
    expect(await readFile(join(folder, "web.yaml"), "utf8")).toBe(recipe);
    expect({ status, files: (await readdir(folder)).sort() }).toEqual({
      status: 0,
      files: ["config.yaml", "key", "key.pub", "there.yaml", "web.yaml"],
    });
  });

  it("builds what it wrote, from where the configuration says", async () => {
    const answers = [[SUITE, ""], [NAME, ""], [USER, "root"], [KEY, "key.pub"], ...LAST] as const;
    const { status, text } = await converse([...answers, ["Save it as", "new.yaml"], ["Build it now? [y]", ""]]);
    expect(text).toContain(`there is no mirror at ${folder}/none`);
    expect(status).toBe(2);
    expect(await readFile(join(folder, "new.yaml"), "utf8")).toMatch(/^hostname: vm\nssh-key: .*\/key\.pub$/m);
  });

  it("writes nothing when it is stopped", async () => {
    const { status, text } = await converse([
      [SUITE, ""],
      [NAME, CTRL_C],
    ]);
    expect(text).toContain("stopped; nothing was written");
    expect(status).toBe(130);
    expect((await readdir(folder)).sort()).toEqual(["config.yaml", "key", "key.pub", "there.yaml"]);
  });
});
