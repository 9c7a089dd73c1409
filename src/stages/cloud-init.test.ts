import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readCloudInit } from "./cloud-init.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "vmbuilder-cloud-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function read(userData: string, more: { user?: string; meta?: string; network?: string } = {}) {
  const file = async (name: string, content: string | undefined) => {
    if (content !== undefined) await writeFile(join(folder, name), content);
    return content === undefined ? undefined : join(folder, name);
  };
  return readCloudInit({
    "cloud-init": await file("user-data", userData),
    "cloud-init-meta-data": await file("meta-data", more.meta),
    "cloud-init-network-config": await file("network-config", more.network),
    "user": more.user,
  });
}

const LAUGHS = Array.from({ length: 12 }, (_, n) => `a${n + 1}: &a${n + 1} [${Array(9).fill(`*a${n}`).join(", ")}]`);

describe("readCloudInit", () => {
  it.each([
    "#cloud-config\n",
    "#cloud-config",
    "#cloud-config\nusers: [default, {name: bob}]\nruncmd:\n  - &a [touch, /x]\n  - *a\n",
    "#!/bin/sh\ntouch /x\n",
    'Content-Type: multipart/mixed; boundary="x"\nMIME-Version: 1.0\n',
  ])("takes %j", async (userData) => {
    expect(await read(userData, { user: "joe", meta: "instance-id: i1\n", network: "version: 2\n" })).toEqual({
      userData,
      metaData: "instance-id: i1\n",
      networkConfig: "version: 2\n",
    });
  });
  it.each([
    ["users: []\n", /user-data:1: cloud-init does not know/],
    ["#cloud-configs\na: 1\n", /does not know/],
    ["\n#cloud-config\na: 1\n", /does not know/],
    ["#cloud-config\na: [1\n", /user-data:3:1: /],
    ["#cloud-config\na: 1\na: 2\n", /user-data:3:1: Map keys must be unique/],
    ["#cloud-config\n- a\n", /no mapping/],
    ["#cloud-config\njust words\n", /no mapping/],
    [`#cloud-config\na0: &a0 lol\n${LAUGHS.join("\n")}\n`, /too much of it repeated/],
    [`#cloud-config\na: ${"[".repeat(100_000)}`, /user-data/],
    ["#cloud-config\nusers:\n  - name: joe\n", /creates the user joe, and so does the recipe/],
    ["#cloud-config\nusers: [joe]\n", /creates the user joe/],
  ])("refuses %j", async (userData, why) => {
    await expect(read(userData, { user: "joe" })).rejects.toThrow(why);
  });
  it.each([
    ["very many keys", Array.from({ length: 60_000 }, (_, n) => `k${n}: ${n}`).join("\n")],
    ["deep nesting", "[".repeat(100_000)],
  ])("refuses %s, and is soon done", async (_, text) => {
    const begin = performance.now();
    await expect(read(`#cloud-config\n${text}\n`)).rejects.toThrow(/longer|nested/);
    await expect(read("#cloud-config\n", { meta: text })).rejects.toThrow(/longer|nested/);
    expect(performance.now() - begin).toBeLessThan(3000);
  });

  it("refuses meta data that are none, and those without user data", async () => {
    await expect(read("#cloud-config\n", { meta: "" })).rejects.toThrow(/meta-data: this is no mapping/);
    const alone = { "cloud-init": undefined, "cloud-init-network-config": undefined, "user": undefined };
    await expect(readCloudInit({ ...alone, "cloud-init-meta-data": "m" })).rejects.toThrow("no user data");
  });
});
