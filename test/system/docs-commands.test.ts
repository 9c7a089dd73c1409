/**
 * The commands of the documentation, run as they stand there, in its order: `~`, recipes and folders that they name are there, packages
 * come from a small signed archive. What can't be run here is in {@link ONLY_PARSED} with its reason, and test/golden/docs-commands.test.ts
 * reads it. docs/testing.md tells the same.
 */
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { builtCache, exists, makeBuildFolder } from "../fixtures/built-cache.ts";
import { type DocCommand, docCommands } from "../fixtures/doc-commands.ts";
import { type Mirror, openMirror } from "../fixtures/mirror.ts";
import { localRepository } from "../fixtures/test-cache.ts";
import { run } from "../fixtures/vmbuilder.ts";

const ROOT = join(import.meta.dirname, "../..");

/** Why a command isn't run here; each reason stands in docs/testing.md, too. */
const ONLY_PARSED: readonly (readonly [RegExp, string])[] = [
  [/^make /, "`make` targets"],
  [
    /^\S+ (up|shell|test|upgrade-test|ssh|exec|cp|snapshot|restore|stop|rm web)\b/,
    "what boots a machine or needs one that runs",
  ],
  [/ wizard$| serve\b/, "`wizard` and `serve`"],
  [/--server | upload |…/, "what needs another host"],
  [/ server (backup|restore) /, "`server backup` and `server restore`"],
  [/ (sign|verify) /, "`sign` and `verify`"],
  [/bookworm|noble/, "other releases than trixie"],
  [/recipe:|--fs xfs|--lvm|--luks/, "packages beyond the archive of the tests"],
];

/** Packages that the documentation asks for, beside a minimal system; those of an archive that has no more than that. */
const FAKES = [
  { name: "openssh-server", version: "1:99", files: { "/etc/ssh/sshd_config.d/README": "options\n" } },
  ...["nginx", "ufw", "vim", "less", "curl"].map((name) => ({ name, version: "1:99" })),
];

/** Files that commands name. */
const FILES = {
  "web.yaml": "suite: trixie\nhostname: web\nuser: joe\nssh-user-key: id_ed25519.pub\naddpkg: [nginx]\n",
  "id_ed25519.pub": `ssh-ed25519 ${"A".repeat(68)} joe\n`,
  "key.pub": `ssh-ed25519 ${"A".repeat(68)} joe\n`,
};

const commands = docCommands().filter(
  ({ isBlock, line }) => isBlock && !ONLY_PARSED.some(([pattern]) => pattern.test(line)),
);

let folder: string;
let mirror: Mirror;
let env: NodeJS.ProcessEnv;
beforeAll(async () => {
  folder = await makeBuildFolder("vmb-docs-");
  const built = await builtCache();
  await built.copyTo(join(folder, "cache"), "tree");
  mirror = await openMirror(FAKES, await localRepository());
  const home = join(folder, "home");
  await mkdir(join(home, ".ssh"), { recursive: true });
  await writeFile(join(home, ".ssh/id_ed25519.pub"), FILES["key.pub"]);
  const defaults = {
    suite: "trixie",
    arch: "amd64",
    variant: "minbase",
    "ssh-key": join(home, ".ssh/id_ed25519.pub"),
    ...mirror.recipe,
  };
  await writeFile(join(folder, "config.yaml"), JSON.stringify(defaults));
  env = {
    ...process.env,
    HOME: home,
    PATH: `${join(ROOT, "bin")}:${process.env.PATH}`,
    NO_COLOR: "1",
    VMBUILDER_CACHE_DIR: join(folder, "cache"),
    VMBUILDER_STATE_DIR: join(folder, "state"),
    VMBUILDER_USER_CONFIG: join(folder, "config.yaml"),
    XDG_DATA_HOME: join(home, ".local/share"),
  };
  // What the commands take for there: two machines, and a disk from elsewhere.
  for (const name of ["web", "web2"]) await must(folder, "build", "--hostname", name, "--dest", `ready/${name}-vm`);
  await must(folder, "convert", "ready/web-vm/web.qcow2", "--format", "vmdk", "--dest", "ready/disk");
});
afterAll(async () => {
  await mirror?.close();
  if (folder) await rm(folder, { recursive: true, force: true });
});

async function must(cwd: string, ...args: string[]): Promise<void> {
  const { status, stderr } = await run("env", ["-C", cwd, join(ROOT, "bin/vmbuilder"), ...args], env);
  if (status !== 0) throw new Error(`vmbuilder ${args.join(" ")}: ${stderr}`);
}

/** A folder that holds what a command names, by the names that it has there. */
async function workFolder(line: string): Promise<string> {
  const work = await mkdtemp(join(folder, "work-"));
  for (const [name, content] of Object.entries(FILES)) await writeFile(join(work, name), content);
  if (line.includes(" disk.vmdk")) await cp(join(folder, "ready/disk/web.vmdk"), join(work, "disk.vmdk"));
  const machines = line.startsWith("vmbuilder diff") ? ["web-vm", "web2-vm"] : [];
  for (const name of machines) await cp(join(folder, "ready", name), join(work, name), { recursive: true });
  return work;
}

async function perform({ words, line }: DocCommand): Promise<{ work: string; stdout: string }> {
  const work = await workFolder(line);
  const argv = words.map((word) => word.replace(/^~(?=\/)/, String(env.HOME)));
  const { status, stdout, stderr } = await run("env", ["-C", work, ...argv], env);
  const good = words[1] === "diff" ? 1 : 0; // two machines have two names
  expect(status, stderr).toBe(good);
  return { work, stdout };
}

describe("a command of the documentation", () => {
  it("is run where it can be", () => {
    expect(commands.length).toBeGreaterThan(25);
  });

  it.each(commands)("$place: $line", async (command) => {
    const { work, stdout } = await perform(command);
    const made = (await readdir(work, { recursive: true })).filter((name) => name.endsWith("build.json"));
    const builds = /^\S+ (build|kvm) /.test(command.line) && !command.line.includes("--dry-run");
    if (builds) {
      expect(made).toHaveLength(1);
      const record = JSON.parse(await readFile(join(work, String(made[0])), "utf8"));
      for (const { name } of record.artifacts)
        expect(await exists(join(work, dirname(String(made[0])), name)), name).toBe(true);
    } else if (!command.line.startsWith("vmbuilder diff")) {
      expect(made).toEqual([]);
    }
    if (/ (lock|profile (save|rm)|rm|convert) ?/.test(command.line) === false) expect(stdout).not.toBe("");
    await rm(work, { recursive: true, force: true });
  });

  it("is told of in docs/testing.md when it is not run", async () => {
    const text = await readFile(join(ROOT, "docs/testing.md"), "utf8");
    for (const [pattern, reason] of ONLY_PARSED) {
      expect(text).toContain(reason);
      expect(
        docCommands().some(({ line, isBlock }) => isBlock && pattern.test(line)),
        reason,
      ).toBe(true);
    }
  });
});
