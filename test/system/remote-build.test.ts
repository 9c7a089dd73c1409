import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { sha256File } from "../../src/system/files.ts";
import { openGuestDisk } from "../fixtures/guest-disk.ts";
import { RECIPE, startTestServer, type TestServer, until } from "../fixtures/server.ts";
import { vmbuilder } from "../fixtures/vmbuilder.ts";

let server: TestServer;
let folder = "";
let env: Record<string, string> = {};

beforeAll(async () => {
  server = await startTestServer("disk");
  folder = await mkdtemp(join(tmpdir(), "vmb-remote-"));
  const olga = await server.user("olga", "builder");
  env = { VMBUILDER_TOKEN: (await olga.ask("POST", "tokens", { name: "test" })).body.token };
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
  await server?.close();
});

const build = (args: readonly string[], more = env) => vmbuilder(["--server", server.url, "build", ...args], more);

describe("vmbuilder --server URL build", () => {
  it("builds there, with the files that the recipe names, and fetches the result", async () => {
    await writeFile(join(folder, "motd"), "from afar\n");
    await writeFile(join(folder, "copies"), "motd /etc/motd\n");
    await writeFile(join(folder, "password"), "correct horse\n");
    const { rootpass: _, ...recipe } = RECIPE;
    await writeFile(
      join(folder, "web.yaml"),
      JSON.stringify({ ...recipe, "copy": "copies", "rootpass-file": "password" }),
    );
    const dest = join(folder, "result");
    const { status, stdout, stderr } = await build([
      join(folder, "web.yaml"),
      "--hostname",
      "afar",
      "--dest",
      dest,
      "--json",
    ]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    const lines = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(lines).toContainEqual(expect.objectContaining({ type: "started", step: "deploy/fetch" }));
    expect(lines.some(({ type, step }) => type === "cached" && step === "assemble")).toBe(true);
    const result = lines.at(-1);
    expect(result).toMatchObject({ type: "result", directory: dest });
    for (const { name, sha256 } of result.artifacts) expect(await sha256File(join(dest, name))).toBe(sha256);
    const disk = await openGuestDisk(join(dest, "afar.qcow2"));
    expect(await disk.read("/etc/motd")).toBe("from afar\n");
    await disk.close();
    expect(await build([join(folder, "web.yaml"), "--dest", dest, "--json"])).toMatchObject({
      status: 2,
      stdout: expect.stringContaining("dest-exists"),
    });
    expect(await readFile(join(dest, "manifest"), "utf8")).toContain("linux-image");
  });

  it("says what is wrong, as a build here does", async () => {
    const wrong = await build(["--mem", "lots", "--rootpass", "x"]);
    expect(wrong).toMatchObject({ status: 2, stderr: expect.stringMatching(/mem/) });
    expect(await build([], { VMBUILDER_TOKEN: "wrong" })).toMatchObject({
      status: 2,
      stderr: expect.stringContaining("ended"),
    });
    expect(await build([], { VMBUILDER_TOKEN: "" })).toMatchObject({
      status: 2,
      stderr: expect.stringContaining("VMBUILDER_TOKEN"),
    });
    const gone = await vmbuilder(["--server", "http://127.0.0.1:9/", "build"], env);
    expect(gone).toMatchObject({ status: 1, stderr: expect.stringContaining("does not answer") });
    const elsewhere = await vmbuilder(["--server", server.url, "ls"], env);
    expect(elsewhere).toMatchObject({ status: 2, stderr: expect.stringContaining("--server is for build") });
  });

  it("cancels there what is interrupted here", async () => {
    const { spawn } = await import("node:child_process");
    const { VMBUILDER } = await import("../fixtures/vmbuilder.ts");
    const recipe = join(folder, "slow.yaml");
    await writeFile(join(folder, "wait.sh"), "#!/bin/sh\nsleep 60\n");
    await writeFile(recipe, JSON.stringify({ ...RECIPE, hostname: "slow", exec: "wait.sh" }));
    const child = spawn(VMBUILDER, ["--server", server.url, "build", recipe, "--dest", join(folder, "slow")], {
      env: { ...process.env, ...env },
      stdio: "ignore",
    });
    const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
    const find = async () => (await server.admin.ask("GET", "builds?q=slow")).body.items[0];
    await until(async () => ((await find())?.state === "running" ? true : undefined));
    child.kill("SIGINT");
    expect(await ended).toBe(130);
    await until(async () => ((await find()).state === "cancelled" ? true : undefined));
  });
});
