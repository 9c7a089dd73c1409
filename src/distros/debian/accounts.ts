import type { TreeFiles } from "../../core/distro.ts";
import type { FileEdit } from "../../model/file-edit.ts";
import type { Identity, IdentityUser } from "../../model/identity.ts";

const FIRST_UID = 1000;
const SUBORDINATE_START = 100_000;
const SUBORDINATE_COUNT = 65_536;
/** Groups of the first user, as far as the tree has them. */
const USER_GROUPS = ["adm", "sudo"];
/** A password field that no password matches; keys still work. */
const NO_PASSWORD = "*";

/** The account databases, keys and homes of a machine. Pure. */
export function accountEdits(identity: Identity, files: TreeFiles): FileEdit[] {
  const database = new AccountFiles(files);
  database.setPassword("root", identity.rootPasswordHash ?? NO_PASSWORD);
  const keys = identity.rootSshKeys.length > 0 ? sshKeyEdits("/root", identity.rootSshKeys, 0) : [];
  const user = identity.user ? addUser(database, identity.user, files) : [];
  return [...database.edits(), ...keys, ...user];
}

function addUser(database: AccountFiles, user: IdentityUser, files: TreeFiles): FileEdit[] {
  const uid = database.freeId();
  const home = `/home/${user.name}`;
  database.add(user, uid, home);
  const skeleton = Object.entries(files)
    .filter(([path]) => path.startsWith("/etc/skel/"))
    .map(
      ([path, content]): FileEdit => ({
        kind: "file",
        path: home + path.slice("/etc/skel".length),
        content,
        mode: 0o644,
        uid,
        gid: uid,
      }),
    );
  const keys = user.sshKeys.length > 0 ? sshKeyEdits(home, user.sshKeys, uid) : [];
  const sudo: FileEdit[] =
    user.passwordHash === undefined
      ? [
          {
            kind: "file",
            path: "/etc/sudoers.d/50-vmbuilder",
            content: `# Written by vmbuilder: ${user.name} has no password to give\n${user.name} ALL=(ALL:ALL) NOPASSWD: ALL\n`,
            mode: 0o440,
          },
        ]
      : [];
  return [{ kind: "directory", path: home, mode: 0o700, uid, gid: uid }, ...skeleton, ...keys, ...sudo];
}

function sshKeyEdits(home: string, keys: readonly string[], id: number): FileEdit[] {
  return [
    { kind: "directory", path: `${home}/.ssh`, mode: 0o700, uid: id, gid: id },
    {
      kind: "file",
      path: `${home}/.ssh/authorized_keys`,
      content: keys.map((key) => `${key}\n`).join(""),
      mode: 0o600,
      uid: id,
      gid: id,
    },
  ];
}

/** The files of passwd(5) and its kin, as lists of colon-separated records. */
class AccountFiles {
  readonly #records: Record<"passwd" | "group" | "shadow" | "gshadow" | "subuid" | "subgid", string[][]>;

  constructor(files: TreeFiles) {
    const read = (name: string) =>
      (files[`/etc/${name}`] ?? "")
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => line.split(":"));
    this.#records = {
      passwd: read("passwd"),
      group: read("group"),
      shadow: read("shadow"),
      gshadow: read("gshadow"),
      subuid: read("subuid"),
      subgid: read("subgid"),
    };
  }

  setPassword(name: string, hash: string): void {
    for (const record of this.#records.shadow) if (record[0] === name) record[1] = hash;
  }

  /** The first id from 1000 on that neither a user nor a group has. */
  freeId(): number {
    const taken = new Set([...this.#records.passwd, ...this.#records.group].map((record) => Number(record[2])));
    let id = FIRST_UID;
    while (taken.has(id)) id++;
    return id;
  }

  add(user: IdentityUser, uid: number, home: string): void {
    const { passwd, group, shadow, gshadow, subuid, subgid } = this.#records;
    const changedOn = shadow[0]?.[2] ?? "";
    passwd.push([
      user.name,
      "x",
      String(uid),
      String(uid),
      user.fullName ? `${user.fullName},,,` : "",
      home,
      "/bin/bash",
    ]);
    shadow.push([user.name, user.passwordHash ?? NO_PASSWORD, changedOn, "0", "99999", "7", "", "", ""]);
    group.push([user.name, "x", String(uid), ""]);
    gshadow.push([user.name, "!", "", ""]);
    for (const record of [...group, ...gshadow]) {
      if (USER_GROUPS.includes(record[0] ?? "")) record[3] = [record[3], user.name].filter((name) => name).join(",");
    }
    const start = SUBORDINATE_START + SUBORDINATE_COUNT * subuid.length;
    for (const records of [subuid, subgid]) records.push([user.name, String(start), String(SUBORDINATE_COUNT)]);
  }

  edits(): FileEdit[] {
    const secret = { mode: 0o640, uid: 0, gid: this.#groupId("shadow") };
    return Object.entries(this.#records).map(([name, records]): FileEdit => {
      const content = records.map((record) => `${record.join(":")}\n`).join("");
      return { kind: "file", path: `/etc/${name}`, content, ...(name.endsWith("shadow") ? secret : { mode: 0o644 }) };
    });
  }

  #groupId(name: string): number {
    return Number(this.#records.group.find((record) => record[0] === name)?.[2] ?? 0);
  }
}
