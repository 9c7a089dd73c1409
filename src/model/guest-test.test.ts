import { describe, expect, it } from "vitest";
import { type GuestTest, guestTestSchema, probeOf, testName } from "./guest-test.ts";

const answer = (stdout: string, status = 0, stderr = "") => ({ status, stdout, stderr });
const judge = (test: GuestTest, ...said: Parameters<typeof answer>) =>
  probeOf(guestTestSchema.parse(test))?.judge(answer(...said));

describe("guestTestSchema", () => {
  it.each([
    [{}, "says nothing"],
    [{ command: "true", file: "/etc" }, "says too much"],
    [{ file: "/etc", status: 1 }, "says nothing about a file"],
    [{ file: "etc" }, "is no absolute path"],
    [{ command: "true", "stdout-matches": "(" }, "is no regular expression"],
    [{ port: "53/sctp" }, "is no port"],
    [{ comand: "true" }, "nrecognized key"],
  ])("refuses %j", (test, why) => {
    expect(guestTestSchema.safeParse(test).error?.message).toContain(why);
  });
});

describe("probeOf", () => {
  it("judges a command by its status and what it says", () => {
    expect(judge({ command: "x" }, "")).toBeUndefined();
    expect(judge({ command: "x", status: 3 }, "", 3)).toBeUndefined();
    expect(judge({ command: "x" }, "", 1)).toBe("exit status 1, expected 0");
    expect(judge({ command: "x", stdout: "yes" }, "no")).toContain('lacks "yes"');
    expect(judge({ command: "x", "stdout-matches": "^b$" }, "a\nb\n")).toBeUndefined();
    expect(judge({ command: "x", stderr: "oh" }, "", 0, "oh no")).toBeUndefined();
  });

  it("hands words to no shell", () => {
    expect(probeOf({ command: ["echo", "$HOME; ls"] })?.command).toEqual(["echo", "$HOME; ls"]);
  });

  it("judges a file", () => {
    const said = "644 root:shadow 0:42\nhello\n";
    expect(judge({ file: "/a", mode: "0644", owner: "root:shadow", contains: "hello" }, said)).toBeUndefined();
    expect(judge({ file: "/a", owner: "0:42" }, said)).toBeUndefined();
    expect(judge({ file: "/a", owner: "root" }, said)).toBeUndefined();
    expect(judge({ file: "/a", mode: "0600" }, said)).toContain("0644, expected 0600");
    expect(judge({ file: "/a", absent: true }, said)).toBe("there is a /a");
    expect(judge({ file: "/a" }, "", 1, "stat: cannot statx '/a': No such file or directory")).toBe("there is no /a");
    expect(judge({ file: "/a", absent: true }, "", 1, "stat: …: No such file or directory")).toBeUndefined();
  });

  it("judges services, ports and packages", () => {
    expect(judge({ service: "ssh" }, "active\n")).toBeUndefined();
    expect(judge({ service: "ssh" }, "failed\n", 3)).toContain("failed, expected active");
    expect(judge({ port: 22 }, "LISTEN 0 128\n")).toBeUndefined();
    expect(judge({ port: 23 }, "")).toContain("no program listens");
    expect(judge({ package: "bc", version: "1.07" }, "installed 1.07.1-3")).toBeUndefined();
    expect(judge({ package: "bc" }, "config-files 1.07.1-3")).toBe("it isn't installed");
    expect(judge({ package: "bc", absent: true }, "", 1)).toBeUndefined();
  });
});

describe("testName", () => {
  it.each([
    [{ command: "true" }, "true"],
    [{ service: "ssh" }, "ssh is active"],
    [{ port: "53/udp", absent: true }, "port 53/udp is closed"],
    [{ "boot-within": 30 }, "boots within 30 s"],
    [{ file: "/x", name: "mine" }, "mine"],
  ] as const)("calls %j %s", (test, name) => {
    expect(testName(test)).toBe(name);
  });
});
