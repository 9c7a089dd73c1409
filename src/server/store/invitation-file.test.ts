import { mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { keepInvitation } from "./invitation-file.ts";

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "vmbuilder-invitation-"));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

it("holds the link for its owner alone, and goes with it", async () => {
  const folder = { invitation: join(directory, "invitation") };
  await keepInvitation(folder, undefined);
  await keepInvitation(folder, "http://localhost/#/invitation/one");
  await keepInvitation(folder, "http://localhost/#/invitation/two");
  expect(await readFile(folder.invitation, "utf8")).toBe("http://localhost/#/invitation/two\n");
  expect((await stat(folder.invitation)).mode & 0o777).toBe(0o600);
  await keepInvitation(folder, undefined);
  expect(await readdir(directory)).toEqual([]);
});
