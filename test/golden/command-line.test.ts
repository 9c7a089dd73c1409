import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { WORKER_COMMAND } from "../../src/cli/help.ts";
import { UBUNTU_PROGRAM } from "../../src/cli/old-form.ts";
import { createProgram } from "../../src/cli/program.ts";
import { run, vmbuilder } from "../fixtures/vmbuilder.ts";
import { expectGolden } from "./golden-file.ts";

/** Rows and columns of the terminal that help must fit, with a row left for the next prompt. */
const [ROWS, COLUMNS] = [24, 80];

async function output(...args: string[]): Promise<string> {
  const { status, stdout, stderr } = await vmbuilder(args, { NO_COLOR: "1", FORCE_COLOR: "0" });
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  return stdout;
}

describe("help", () => {
  it.each([
    ["", 2],
    ["build", 5],
    ["clone", 1],
    ["cache", 1],
    ["cache gc", 1],
    ["doctor", 1],
  ])("of vmbuilder %s fits %d screens, nothing broken and no blanks at a line's end", async (command, screens) => {
    const text = await output(...command.split(" ").filter((word) => word !== ""), "--help");
    const lines = text.trimEnd().split("\n");
    expect(lines.length).toBeLessThanOrEqual(ROWS * screens + (screens === 1 ? -1 : 0));
    for (const line of lines) {
      expect(line.length, line).toBeLessThanOrEqual(COLUMNS);
      expect(line).toBe(line.trimEnd());
    }
    expect(lines[1]).toMatch(/\.$/); // what it does, in one line
    expect(lines[2]).toBe("");
  });

  it("of vmbuilder names every command", async () => {
    const words = (await output("--help")).split(/[\s,]+/);
    const { commands } = createProgram();
    const hidden = ["HYPERVISOR", UBUNTU_PROGRAM, WORKER_COMMAND];
    for (const command of commands) if (!hidden.includes(command.name())) expect(words).toContain(command.name());
  });
});

describe("completion", () => {
  let state = "";
  beforeAll(async () => {
    state = await mkdtemp(join(tmpdir(), "vmb-completion-"));
  });
  afterAll(() => rm(state, { recursive: true, force: true }));

  it.each(["bash", "zsh", "fish"])("for %s is as it was", async (shell) => {
    await expectGolden(`completion-${shell}.txt`, await output("completion", shell));
  });

  it.each(["bash", "zsh", "fish"])("can be read by %s", async (shell) => {
    const read = `"$1" completion ${shell} | ${shell} -n ${shell === "fish" ? "/dev/stdin" : ""}`;
    const found = await run("sh", ["-c", `command -v ${shell}`]);
    if (found.status !== 0) return expect(shell).not.toBe("bash"); // the other two need not be installed
    expect(await run("sh", ["-c", read, "sh", "bin/vmbuilder"])).toEqual({ status: 0, stdout: "", stderr: "" });
  });

  it.each([
    ["vmbuilder b", ["build"]],
    ["vmbuilder build --host", ["--hostname"]],
    ["vmbuilder build --arch a", ["amd64", "arm64"]],
    ["vmbuilder build web.yaml -a arm64 --varia", ["--variant"]],
    ["vmbuilder cache ", ["ls", "gc", "verify"]],
    ["vmbuilder cache gc --max", ["--max-age", "--max-size"]],
    ["vmbuilder completion z", ["zsh"]],
    ["vmbuilder nonsense --", ["--version", "--server", "--token-file", "--help"]],
    ["vmbuilder start w", ["web", "web2"]],
    ["vmbuilder rm web d", ["db"]],
    ["vmbuilder test recipe : webs", ["webserver"]], // bash takes the colon for a word
    ["vmbuilder up recipe:mini", ["recipe:minimal"]], // unless COMP_WORDBREAKS lacks it
  ])("of %j in bash itself", async (line, words) => {
    const script = `
      PATH=$PWD/bin:$PATH VMBUILDER_STATE_DIR=$2
      export VMBUILDER_STATE_DIR
      mkdir -p "$2"/machines/web "$2"/machines/web2 "$2"/machines/db
      eval "$(vmbuilder completion bash)"
      [[ $1 != *[a-z]:* ]] || COMP_WORDBREAKS=\${COMP_WORDBREAKS//:}
      spec=$(complete -p vmbuilder); spec=\${spec#*-F }
      read -ra COMP_WORDS <<<"$1"; [[ $1 != *" " ]] || COMP_WORDS+=("")
      COMP_LINE=$1 COMP_POINT=\${#1} COMP_CWORD=$((\${#COMP_WORDS[@]} - 1))
      \${spec%% *} vmbuilder
      printf '%s\\n' "\${COMPREPLY[@]}"`;
    const { stdout, stderr } = await run("bash", ["-c", script, "bash", line, state]);
    expect(stderr).toBe("");
    expect(stdout.trim().split("\n")).toEqual(words);
  });
});
