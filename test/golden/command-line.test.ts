/**
 * What people and shells read of the command line, kept as files beside this one. After a wanted change, read the
 * difference and renew them: `npx vitest run --project golden --update`.
 */
import { describe, expect, it } from "vitest";
import { run, vmbuilder } from "../fixtures/vmbuilder.ts";

/** Rows and columns of the terminal that everything must fit. */
const [ROWS, COLUMNS] = [24, 80];
const COMMANDS = ["build", "clone", "cache", "cache ls", "cache gc", "cache verify", "doctor", "man", "completion"];

async function output(...args: string[]): Promise<string> {
  const { status, stdout, stderr } = await vmbuilder(args, { COLUMNS: String(COLUMNS), NO_COLOR: "1" });
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  return stdout;
}

function expectToFit(text: string, screens: number): void {
  const lines = text.trimEnd().split("\n");
  for (const line of lines) {
    expect(line.length, line).toBeLessThanOrEqual(COLUMNS);
    expect(line).toBe(line.trimEnd());
  }
  expect(lines.length).toBeLessThan(ROWS * screens + (screens - 1));
}

describe("help", () => {
  it("of the program fits one screen", async () => {
    const text = await output("--help");
    expectToFit(text, 1);
    await expect(text).toMatchFileSnapshot("help/vmbuilder.txt");
  });

  it.each(COMMANDS)("of %s fits a screen, that of build two", async (command) => {
    const text = await output(...command.split(" "), "--help");
    expectToFit(text, command === "build" ? 2 : 1);
    await expect(text).toMatchFileSnapshot(`help/${command.replace(" ", "-")}.txt`);
  });

  it("names every command that has help of its own", async () => {
    const { stdout } = await vmbuilder(["--help"], { NO_COLOR: "1" });
    for (const command of COMMANDS.filter((one) => one !== "cache")) expect(stdout).toContain(`  ${command} `);
  });
});

describe("the manual page", () => {
  it("is as it was", async () => {
    const text = (await output("man")).replace(/^(\.TH .* "vmbuilder )[^"]*"/m, '$1VERSION"');
    await expect(text).toMatchFileSnapshot("vmbuilder.1");
  });

  it("is roff that man finds no fault with", async () => {
    const checked = await run("sh", [
      "-c",
      `"$1" man | LC_ALL=C.UTF-8 groff -man -Tutf8 -ww -z`,
      "sh",
      "bin/vmbuilder",
    ]);
    expect(checked).toEqual({ status: 0, stdout: "", stderr: "" });
  });
});

describe("completion", () => {
  it.each(["bash", "zsh", "fish"])("for %s is as it was", async (shell) => {
    await expect(await output("completion", shell)).toMatchFileSnapshot(`completion/${shell}.txt`);
  });

  it("completes commands, options and choices in bash itself", async () => {
    const complete = async (line: string) => {
      const script = `eval "$(bin/vmbuilder completion bash)"
        COMP_LINE=$1 COMP_POINT=\${#1}; read -ra COMP_WORDS <<<"$1"; [[ $1 != *" " ]] || COMP_WORDS+=("")
        COMP_CWORD=$((\${#COMP_WORDS[@]} - 1)); spec=$(complete -p vmbuilder); function=\${spec#*-F }
        \${function%% *} vmbuilder "\${COMP_WORDS[COMP_CWORD]}" "\${COMP_WORDS[COMP_CWORD - 1]}" 2>/dev/null
        printf '%s\\n' "\${COMPREPLY[@]%% }"`;
      const { stdout } = await run("bash", ["-c", script, "bash", line]);
      return stdout.trim().split("\n");
    };
    expect(await complete("vmbuilder b")).toEqual(["build"]);
    expect(await complete("vmbuilder build --host")).toEqual(["--hostname"]);
    expect(await complete("vmbuilder build --arch a")).toEqual(["amd64", "arm64"]);
    expect(await complete("vmbuilder cache ")).toEqual(["ls", "gc", "verify"]);
  });
});
