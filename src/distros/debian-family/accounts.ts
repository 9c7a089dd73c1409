import type { TreeFiles } from "../../core/distro.ts";
import { VmbuilderError } from "../../model/errors.ts";
import type { FileEdit } from "../../model/file-edit.ts";
import type { Identity, IdentityUser } from "../../model/identity.ts";
import { copyEdits } from "./copies.ts";

const FIRST_UID = 1000;
const SUBORDINATE_START = 100_000;
const SUBORDINATE_COUNT = 65_536;
/** Groups of the first user, as far as the tree has them. */
const USER_GROUPS = ["adm", "sudo"];
/** A password field that no password matches; keys still work. */
const NO_PASSWORD = "*";
/** Day of expiry, counted from 1970, of an account that lets nobody in any more. */
const LONG_AGO = "1";
const LAST_SYSTEM_ID = 999;

/** The account databases, keys and homes of a machine. Pure. */
export function accountEdits(identity: Identity, files: TreeFiles): FileEdit[] {
  const database = new AccountFiles(files);
  database.setPassword("root", identity.rootPasswordHash ?? NO_PASSWORD);
  const keys = identity.rootSshKeys.length > 0 ? sshKeyEdits("/root", identity.rootSshKeys, 0, 0) : [];
  const user = identity.user ? addUser(database, identity.user, files) : [];
  return [...database.edits(), ...keys, ...user, ...copyEdits(identity.copies, database)];
}

/** Packages bring users and groups of their own: only the finished system knows them all. */
function refuseCollision(database: AccountFiles, { name, uid, gid }: IdentityUser): void {
  const refuse = (message: string, hint: string): never => {
    throw new VmbuilderError("recipe-invalid", message, { hint });
  };
  const [namesake, group] = [database.uid(name), database.gid(name)];
  if (namesake !== undefined)
    refuse(`the system has a user "${name}" already, with uid ${namesake}`, "choose another --user");
  if (group !== undefined && group !== gid)
    refuse(`the system has a group "${name}" already, with gid ${group}`, "choose another --user");
  const taken = uid === undefined ? undefined : database.ownerOf(uid);
  if (taken !== undefined) refuse(`uid ${uid} belongs to ${taken} already`, "choose another --uid");
}

function addUser(database: AccountFiles, user: IdentityUser, files: TreeFiles): FileEdit[] {
  refuseCollision(database, user);
  const uid = user.uid ?? database.freeId();
  const gid = user.gid ?? uid;
  const home = `/home/${user.name}`;
  database.add(user, uid, gid, home);
  const skeleton = Object.entries(files)
    .filter(([path]) => path.startsWith("/etc/skel/"))
    .map(
      ([path, content]): FileEdit => ({
        kind: "file",
        path: home + path.slice("/etc/skel".length),
        content,
        mode: 0o644,
        uid,
        gid,
      }),
    );
  const keys = user.sshKeys.length > 0 ? sshKeyEdits(home, user.sshKeys, uid, gid) : [];
  const sudo: FileEdit[] =
    user.passwordHash === undefined && !user.isLocked
      ? [
          {
            kind: "file",
            path: "/etc/sudoers.d/50-vmbuilder",
            content: `# Written by vmbuilder: ${user.name} has no password to give\n${user.name} ALL=(ALL:ALL) NOPASSWD: ALL\n`,
            mode: 0o440,
          },
        ]
      : [];
  return [{ kind: "directory", path: home, mode: 0o700, uid, gid }, ...skeleton, ...keys, ...sudo];
}

function sshKeyEdits(home: string, keys: readonly string[], uid: number, gid: number): FileEdit[] {
  return [
    { kind: "directory", path: `${home}/.ssh`, mode: 0o700, uid, gid },
    {
      kind: "file",
      path: `${home}/.ssh/authorized_keys`,
      content: keys.map((key) => `${key}\n`).join(""),
      mode: 0o600,
      uid,
      gid,
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

  /** The user who has an id. */
  ownerOf(uid: number): string | undefined {
    return this.#records.passwd.find((record) => Number(record[2]) === uid)?.[0];
  }

  uid(name: string): number | undefined {
    return idIn(this.#records.passwd, name);
  }

  gid(name: string): number | undefined {
    return idIn(this.#records.group, name);
  }

  add(user: IdentityUser, uid: number, gid: number, home: string): void {
    const { passwd, group, shadow, gshadow, subuid, subgid } = this.#records;
    const changedOn = shadow[0]?.[2] ?? "";
    passwd.push([
      user.name,
      "x",
      String(uid),
      String(gid),
      user.fullName ? `${user.fullName},,,` : "",
      home,
      "/bin/bash",
    ]);
    const password = user.passwordHash ?? NO_PASSWORD;
    const [field, expiry] = user.isLocked ? [`!${password}`, LONG_AGO] : [password, ""];
    shadow.push([user.name, field, changedOn, "0", "99999", "7", "", expiry, ""]);
    const addGroup = (name: string, id: number) => {
      group.push([name, "x", String(id), ""]);
      gshadow.push([name, "!", "", ""]);
    };
    if (!group.some((record) => Number(record[2]) === gid)) addGroup(user.name, gid);
    for (const name of user.groups) if (this.gid(name) === undefined) addGroup(name, this.#freeSystemGroup());
    for (const record of [...group, ...gshadow]) {
      if ([...USER_GROUPS, ...user.groups].includes(record[0] ?? ""))
        record[3] = [record[3], user.name].filter((name) => name).join(",");
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
    return this.gid(name) ?? 0;
  }

  #freeSystemGroup(): number {
    const taken = new Set(this.#records.group.map((record) => Number(record[2])));
    let id = LAST_SYSTEM_ID;
    while (taken.has(id)) id--;
    return id;
  }
}

function idIn(records: readonly (readonly string[])[], name: string): number | undefined {
  const id = records.find((record) => record[0] === name)?.[2];
  return id === undefined ? undefined : Number(id);
}
