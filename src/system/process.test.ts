import { readFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { CommandError, cleanEnvironment, lastLines, PATIENT, run, start } from "./process.ts";

const sh = (script: string) => ["sh", "-c", script];
/** A process that was killed may stay as a zombie for as long as its new parent likes. */
async function lives(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => ") Z");
  return !/\) [ZX]/.test(stat);
}
async function dies(pid: number): Promise<boolean> {
  for (let i = 0; i < 50 && (await lives(pid)); i++) await delay(20);
  return !(await lives(pid));
}

describe("run", () => {
  it("gives output, errors and status, and feeds input", async () => {
    expect(await run(sh("cat; echo oops >&2; exit 3"), { input: "hello", okStatuses: [3] })).toEqual({
      stdout: "hello",
      stderr: "oops\n",
      status: 3,
    });
  });

  it("passes arguments on as they are", async () => {
    const args = ["", " ", "a b", "$HOME", "`id`", "'", '"', "*", "-n", "ü\n"];
    const { stdout } = await run(["printf", "%s\\0", ...args]);
    expect(stdout.split("\0").slice(0, -1)).toEqual(args);
  });

  it("keeps command, status and the tail of the errors", async () => {
    const error = await run(sh("echo first >&2; echo last >&2; exit 4")).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(CommandError);
    expect(error).toMatchObject({
      code: "command-failed",
      status: 4,
      signal: null,
      message: "sh ended with status 4: last",
      detail: "first\nlast",
      argv: sh("echo first >&2; echo last >&2; exit 4"),
    });
  });

  it("names the signal that ended a program", async () => {
    await expect(run(sh("kill -SEGV $$"))).rejects.toMatchObject({
      status: null,
      signal: "SIGSEGV",
      message: expect.stringContaining("SIGSEGV"),
    });
  });

  it.each([
    [["/no/such/program"], "command-missing"],
    [["/etc"], "command-failed"],
  ])("says that %j cannot be started", async (argv, code) => {
    await expect(run(argv)).rejects.toMatchObject({ code });
  });

  it("recognizes a full disk by what a program says", async () => {
    await expect(run(sh("echo 'dd: No space left on device' >&2; exit 1"))).rejects.toMatchObject({
      code: "disk-full",
    });
  });

  it("doesn't mind a program that leaves its input unread", async () => {
    expect((await run(["true"], { input: Buffer.alloc(1024 * 1024) })).status).toBe(0);
  });

  it("hands out lines, the last without an end too, and cuts long ones", async () => {
    const lines: string[] = [];
    await run(sh("printf 'one\\ntwo'; head -c 100000 /dev/zero | tr '\\0' x; printf '\\nlast'"), {
      onLine: (line) => lines.push(line),
    });
    expect(lines[0]).toBe("one");
    expect(lines.at(-1)).toBe("last");
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(4096);
  });

  it("keeps only the end of a flood, in flat memory", async () => {
    const { stderr } = await run(sh("head -c 3000000 /dev/zero | tr '\\0' x >&2; echo end >&2"));
    expect(stderr.length).toBeLessThanOrEqual(64 * 1024);
    expect(stderr.endsWith("xxxend\n")).toBe(true);
  });

  it("lets a program and what it starts stand back, never above the last place", async () => {
    const nice = sh("sleep 0.1; nice; sh -c nice");
    const [own] = (await run(nice)).stdout.split("\n").map(Number);
    const place = Math.min(19, (own ?? 0) + PATIENT);
    expect((await run(nice, { niceness: PATIENT })).stdout).toBe(`${place}\n${place}\n`);
    expect((await run(nice, { niceness: 40 })).stdout).toBe("19\n19\n");
  });

  it("gives programs a clean environment", async () => {
    process.env.VMBUILDER_TEST_SECRET = "x";
    const { stdout } = await run(["env"]);
    delete process.env.VMBUILDER_TEST_SECRET;
    const names = stdout
      .trim()
      .split("\n")
      .map((line) => String(line.split("=")[0]));
    expect(names.sort()).toEqual(Object.keys(cleanEnvironment()).sort());
    expect(stdout).toContain("LC_ALL=C.UTF-8");
  });
});

describe("what stops a program", () => {
  it("a deadline, with all of its group, and says what it had said", async () => {
    let child = 0;
    const running = run(sh("sleep 100 & echo $!; echo stuck >&2; wait"), {
      timeoutMs: 300,
      onLine: (line) => (child ||= Number(line)),
    });
    await expect(running).rejects.toMatchObject({
      code: "script-timeout",
      message: expect.stringContaining("0.3 s"),
      detail: expect.stringContaining("stuck"),
    });
    expect(child).toBeGreaterThan(1);
    expect(await dies(child)).toBe(true);
  });

  it("an abort, with all of its group, for the abort's reason", async () => {
    const controller = new AbortController();
    let child = 0;
    const reason = new Error("enough");
    const onLine = (line: string) => {
      child = Number(line);
      controller.abort(reason);
    };
    await expect(run(sh("sleep 100 & echo $!; wait"), { signal: controller.signal, onLine })).rejects.toBe(reason);
    expect(await dies(child)).toBe(true);
  });

  it("an abort from before: it is never started", async () => {
    await expect(async () => run(["true"], { signal: AbortSignal.abort(new Error("before")) })).rejects.toThrow(
      "before",
    );
  });

  it("KILL, five seconds after a TERM that it ignores", async () => {
    const startedAt = performance.now();
    await expect(run(sh("trap '' TERM; while :; do sleep 0.2; done"), { timeoutMs: 200 })).rejects.toMatchObject({
      code: "script-timeout",
    });
    expect(performance.now() - startedAt).toBeGreaterThan(4900);
  }, 9000);

  it("a deadline, when it has ended but left a daemon that holds its output", async () => {
    const startedAt = performance.now();
    await expect(run(sh("sleep 3 & exit 0"), { timeoutMs: 200 })).rejects.toMatchObject({ code: "script-timeout" });
    expect(performance.now() - startedAt).toBeLessThan(2000);
  });
});

describe("start", () => {
  it("streams, and tells of the end", async () => {
    const running = start(["cat"]);
    running.stdin.end("through");
    let text = "";
    for await (const piece of running.stdout) text += String(piece);
    expect(text).toBe("through");
    expect((await running.done).status).toBe(0);
  });

  it("masks what the program makes, and nothing of ours", async () => {
    const before = process.umask();
    const running = start(sh("umask"), { umask: 0o077, captureStdout: true });
    running.stdin.end();
    expect((await running.done).stdout.trim()).toBe("0077");
    expect(process.umask()).toBe(before);
  });

  it("can be stopped", async () => {
    const running = start(["sleep", "100"]);
    running.stdout.resume();
    running.stop();
    await expect(running.done).rejects.toMatchObject({ signal: "SIGTERM" });
  });
});

describe("lastLines", () => {
  it("keeps the end, and cuts long lines", () => {
    expect(lastLines("a\nb\nc\n\n", 2)).toBe("b\nc");
    expect(lastLines("x".repeat(10_000))).toHaveLength(4096);
  });
});
