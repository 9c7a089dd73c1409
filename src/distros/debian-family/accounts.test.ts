import { describe, expect, it } from "vitest";
import type { TreeFiles } from "../../core/distro.ts";
import type { FileEdit } from "../../model/file-edit.ts";
import type { Identity } from "../../model/identity.ts";
import { planNetwork } from "../../model/network.ts";
import { recipeSchema } from "../../model/recipe.ts";
import { accountEdits } from "./accounts.ts";

const FILES: TreeFiles = {
  "/etc/passwd":
    "root:x:0:0:root:/root:/bin/bash\ndaemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin\nguest:x:1000:1000::/:/bin/sh\n",
  "/etc/group": "root:x:0:\nadm:x:4:\nsudo:x:27:op\nshadow:x:42:\nguest:x:1000:\nother:x:1001:\n",
  "/etc/shadow": "root:!:20000:0:99999:7:::\ndaemon:*:20000:0:99999:7:::\n",
  "/etc/gshadow": "root:*::\nsudo:*::op\n",
  "/etc/skel/.bashrc": "# bash\n",
};
const NOBODY: Identity = {
  hostname: "web",
  user: undefined,
  rootPasswordHash: undefined,
  rootSshKeys: [],
  timezone: undefined,
  lang: undefined,
  keymap: undefined,
  network: planNetwork(recipeSchema.parse({})),
  firstBoot: [],
  firstLogin: [],
  copies: [],
  cloudInit: undefined,
  ids: { diskGuid: "", partitionGuids: {}, rootUuid: "", swapUuid: "", espSerial: "" },
};
const ANN = {
  name: "ann",
  fullName: "Ann Example",
  groups: [],
  isLocked: false,
  passwordHash: undefined,
  sshKeys: ["ssh-ed25519 AAAA ann"],
};

function edit(identity: Partial<Identity>, path: string): FileEdit | undefined {
  return accountEdits({ ...NOBODY, ...identity }, FILES).find((one) => one.path === path);
}
function lines(identity: Partial<Identity>, path: string): string[] {
  const found = edit(identity, path);
  return found?.kind === "file" ? found.content.trimEnd().split("\n") : [];
}

describe("accountEdits", () => {
  it("gives nobody a password unless there is one: the field holds an asterisk", () => {
    expect(lines({}, "/etc/shadow")).toEqual(["root:*:20000:0:99999:7:::", "daemon:*:20000:0:99999:7:::"]);
    expect(lines({ user: ANN }, "/etc/shadow").at(-1)).toBe("ann:*:20000:0:99999:7:::");
    expect(lines({ rootPasswordHash: "$6$salt$hash" }, "/etc/shadow")[0]).toBe("root:$6$salt$hash:20000:0:99999:7:::");
  });

  it("gives the user an id that neither a user nor a group has", () => {
    expect(lines({ user: ANN }, "/etc/passwd").at(-1)).toBe("ann:x:1002:1002:Ann Example,,,:/home/ann:/bin/bash");
    expect(lines({ user: ANN }, "/etc/group").at(-1)).toBe("ann:x:1002:");
  });

  it("adds the user to sudo's group in both files, and to none that the tree lacks", () => {
    expect(lines({ user: ANN }, "/etc/group")).toContain("sudo:x:27:op,ann");
    expect(lines({ user: ANN }, "/etc/group")).toContain("adm:x:4:ann");
    expect(lines({ user: ANN }, "/etc/gshadow")).toEqual(["root:*::", "sudo:*::op,ann", "ann:!::"]);
  });

  it("gives subordinate ids, where containers take theirs from", () => {
    expect(lines({ user: ANN }, "/etc/subuid")).toEqual(["ann:100000:65536"]);
    expect(lines({ user: ANN }, "/etc/subgid")).toEqual(["ann:100000:65536"]);
  });

  it("takes numbers and groups that are asked for, and makes the groups that lack", () => {
    const user = { ...ANN, uid: 1234, gid: 1500, groups: ["docker", "other"] };
    expect(lines({ user }, "/etc/passwd").at(-1)).toBe("ann:x:1234:1500:Ann Example,,,:/home/ann:/bin/bash");
    const groups = lines({ user }, "/etc/group");
    expect(groups).toContain("ann:x:1500:");
    expect(groups).toContain("docker:x:999:ann");
    expect(groups).toContain("other:x:1001:ann");
    expect(edit({ user }, "/home/ann")).toMatchObject({ uid: 1234, gid: 1500 });
  });

  it("joins a group that has the number already, and refuses a user's number that is taken", () => {
    const groups = lines({ user: { ...ANN, gid: 1001 } }, "/etc/group");
    expect(groups.filter((line) => line.includes(":1001:"))).toEqual(["other:x:1001:"]);
    expect(() => lines({ user: { ...ANN, uid: 1000 } }, "/etc/passwd")).toThrow("uid 1000 belongs to guest");
  });

  it("refuses a user who exists already, and one named as a group", () => {
    expect(() => lines({ user: { ...ANN, name: "guest" } }, "/etc/passwd")).toThrow('a user "guest" already');
    expect(() => lines({ user: { ...ANN, name: "other" } }, "/etc/passwd")).toThrow('a group "other" already');
    const joining = { ...ANN, name: "other", gid: 1001 };
    expect(lines({ user: joining }, "/etc/group").filter((line) => line.startsWith("other:"))).toHaveLength(1);
  });

  it("locks a user: no password, no key, no sudo", () => {
    const user = { ...ANN, isLocked: true, passwordHash: "$6$salt$hash" };
    expect(lines({ user }, "/etc/shadow").at(-1)).toBe("ann:!$6$salt$hash:20000:0:99999:7::1:");
    expect(edit({ user: { ...ANN, isLocked: true } }, "/etc/sudoers.d/50-vmbuilder")).toBeUndefined();
  });

  it("gives copied files to accounts by name or number, and refuses names that the machine lacks", () => {
    const copy = { path: "/opt/a", mode: 0o600, owner: "ann", group: "adm", base64: "YQ==" };
    expect(edit({ user: ANN, copies: [copy] }, "/opt/a")).toMatchObject({ uid: 1002, gid: 4, mode: 0o600 });
    expect(() => edit({ copies: [copy] }, "/opt/a")).toThrow('no account "ann" for /opt/a');
  });

  it("keeps secrets from others", () => {
    expect(edit({}, "/etc/shadow")).toMatchObject({ mode: 0o640, uid: 0, gid: 42 });
    expect(edit({}, "/etc/gshadow")).toMatchObject({ mode: 0o640, uid: 0, gid: 42 });
    expect(edit({}, "/etc/passwd")).toMatchObject({ mode: 0o644 });
    expect(edit({ user: ANN }, "/home/ann/.ssh")).toMatchObject({
      kind: "directory",
      mode: 0o700,
      uid: 1002,
      gid: 1002,
    });
    expect(edit({ user: ANN }, "/home/ann/.ssh/authorized_keys")).toMatchObject({
      mode: 0o600,
      uid: 1002,
      content: "ssh-ed25519 AAAA ann\n",
    });
    expect(edit({ rootSshKeys: ["a", "b"] }, "/root/.ssh/authorized_keys")).toMatchObject({
      mode: 0o600,
      uid: 0,
      content: "a\nb\n",
    });
    expect(edit({}, "/root/.ssh")).toBeUndefined();
  });

  it("makes the home before what is in it, from the skeleton", () => {
    const paths = accountEdits({ ...NOBODY, user: ANN }, FILES).map(({ path }) => path);
    expect(paths.indexOf("/home/ann")).toBeLessThan(paths.indexOf("/home/ann/.bashrc"));
    expect(edit({ user: ANN }, "/home/ann")).toMatchObject({ kind: "directory", mode: 0o700, uid: 1002 });
    expect(edit({ user: ANN }, "/home/ann/.bashrc")).toMatchObject({ content: "# bash\n", uid: 1002 });
  });

  it("lets sudo ask for a password only if there is one", () => {
    expect(edit({ user: ANN }, "/etc/sudoers.d/50-vmbuilder")).toMatchObject({
      mode: 0o440,
      content: expect.stringContaining("ann ALL=(ALL:ALL) NOPASSWD: ALL"),
    });
    expect(edit({ user: { ...ANN, passwordHash: "$6$x" } }, "/etc/sudoers.d/50-vmbuilder")).toBeUndefined();
  });
});
