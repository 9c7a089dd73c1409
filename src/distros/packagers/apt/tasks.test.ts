import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { expandTasks } from "./tasks.ts";

const MAIN = `Package: apache2
Architecture: amd64
Task: lamp-server, mail-server

Package: nothing
Description: has no
 Task: lamp-server

Package: task-web-server
Architecture: all
`;
const UPDATES = `Package: php
Version: 2
Task: lamp-server
`;

let lists: string;
beforeEach(async () => {
  lists = await mkdtemp(join(tmpdir(), "vmbuilder-tasks-"));
  await writeFile(join(lists, "main_Packages"), MAIN);
  await writeFile(join(lists, "updates_Packages"), UPDATES);
});
afterEach(() => rm(lists, { recursive: true, force: true }));

const expand = (include: string[], exclude: string[] = []) =>
  expandTasks({ priorities: [], include, exclude }, lists).then((request) => request.include);

describe("expandTasks", () => {
  it("puts a task's packages in its place, from all lists, each once", async () => {
    expect(await expand(["nano", "lamp-server^", "mail-server^"])).toEqual(["nano", "apache2", "php"]);
  });

  it("leaves out what is unwanted", async () => {
    expect(await expand(["lamp-server^"], ["apache2"])).toEqual(["php"]);
  });

  it("reads no list when there is no task", async () => {
    expect((await expandTasks({ priorities: [], include: ["nano"], exclude: [] }, "/nowhere")).include).toEqual([
      "nano",
    ]);
  });

  it.each([
    ["lamp-srver^", "no task lamp-srver in this suite", /did you mean lamp-server\^\?/],
    ["web-server^", "no task web-server in this suite", /here it is a package: task-web-server/],
    ["x-y-z^", "no task x-y-z in this suite", /^check the spelling/],
  ])("refuses %s", async (name, message, hint) => {
    await expect(expand([name])).rejects.toMatchObject({
      code: "package-unknown",
      message,
      hint: expect.stringMatching(hint),
    });
  });
});
