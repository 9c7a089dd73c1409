import { describe, expect, it } from "vitest";
import { indexList } from "./package-lists.ts";
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

const LISTS = [indexList("main_Packages", Buffer.from(MAIN)), indexList("updates_Packages", Buffer.from(UPDATES))];

const expand = (include: string[], exclude: string[] = []) =>
  expandTasks({ priorities: [], include, exclude }, LISTS).include;

describe("expandTasks", () => {
  it("puts a task's packages in its place, from all lists, each once", () => {
    expect(expand(["nano", "lamp-server^", "mail-server^"])).toEqual(["nano", "apache2", "php"]);
  });

  it("leaves out what is unwanted", () => {
    expect(expand(["lamp-server^"], ["apache2"])).toEqual(["php"]);
  });

  it.each([
    ["lamp-srver^", "no task lamp-srver in this suite", /did you mean lamp-server\^\?/],
    ["web-server^", "no task web-server in this suite", /here it is a package: task-web-server/],
    ["x-y-z^", "no task x-y-z in this suite", /^check the spelling/],
  ])("refuses %s", (name, message, hint) => {
    expect(() => expand([name])).toThrow(
      expect.objectContaining({ code: "package-unknown", message, hint: expect.stringMatching(hint) }),
    );
  });
});
