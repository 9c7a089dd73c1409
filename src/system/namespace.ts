import { once } from "node:events";
import { openSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { userInfo } from "node:os";
import { VmbuilderError } from "../model/errors.ts";
import { type RunningProcess, type RunOptions, type RunResult, run, start } from "./process.ts";

/** A contiguous range of ids on the host that become 1…count inside the namespace. */
export interface IdRange {
  start: number;
  count: number;
}

/** Host ids of a user namespace: the caller is root inside, the ranges are everybody else. */
export interface IdMap {
  uid: number;
  gid: number;
  uids: IdRange;
  gids: IdRange;
}

/** Ids that a guest needs: 0 to 65535, of which 0 is the caller. */
const GUEST_IDS = 65535;
/** Where root's own range begins when /etc/subuid gives root none: where no distribution allots ranges to users. */
const ROOT_RANGE_START = 0x6000_0000;

/**
 * Finds the ids that the caller may use in a user namespace: those of /etc/subuid and /etc/subgid, and for root
 * without an entry a range that nobody was given.
 *
 * @throws subuid-missing
 * @see https://man7.org/linux/man-pages/man5/subuid.5.html
 */
export async function readIdMap(): Promise<IdMap> {
  const { uid, gid, username } = userInfo();
  const [uids, gids] = await Promise.all([
    readRange("/etc/subuid", username, uid),
    readRange("/etc/subgid", username, uid),
  ]);
  return { uid, gid, uids, gids };
}

async function readRange(file: string, username: string, uid: number): Promise<IdRange> {
  const text = await readFile(file, "utf8").catch(() => "");
  const ranges = parseSubordinateIds(text);
  const own = ranges.find(
    (range) => (range.owner === username || range.owner === String(uid)) && range.count >= GUEST_IDS,
  );
  if (own) return { start: own.start, count: GUEST_IDS };
  if (uid === 0) {
    const taken = Math.max(ROOT_RANGE_START, ...ranges.map((range) => range.start + range.count));
    return { start: Math.ceil(taken / 65536) * 65536, count: GUEST_IDS };
  }
  throw new VmbuilderError("subuid-missing", `${file} gives ${username} no range of ${GUEST_IDS + 1} ids`, {
    hint: `run once as root: usermod --add-subuids 100000-165535 --add-subgids 100000-165535 ${username}`,
  });
}

/** Reads the lines `owner:start:count` of /etc/subuid or /etc/subgid. */
export function parseSubordinateIds(text: string): (IdRange & { owner: string })[] {
  return text.split("\n").flatMap((line) => {
    const match = /^([^:#]+):(\d+):(\d+)\s*$/.exec(line);
    return match ? [{ owner: String(match[1]), start: Number(match[2]), count: Number(match[3]) }] : [];
  });
}

/** Gives a program namespaces of its own once it is root of a user namespace; see `util-linux`' unshare(1). */
export const OWN_MOUNTS = [
  "setpriv",
  "--pdeathsig",
  "KILL",
  "unshare",
  "--mount",
  "--propagation",
  "private",
  "--pid",
  "--fork",
  "--kill-child=KILL",
  "--",
];

/**
 * Runs a program as root of our user namespace. The program is one that makes the other namespaces and dies with its
 * parent: {@link OWN_MOUNTS}, or bwrap (see guest.ts).
 *
 * @throws userns-denied, apparmor-userns, subuid-missing, and what {@link start} throws
 */
export async function runInNamespace(argv: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  const running = await startInNamespace(argv, { ...options, captureStdout: true });
  running.stdin.end(options.input ?? "");
  return running.done;
}

/** Like {@link runInNamespace}, with the program's standard input and output in the caller's hands. */
export async function startInNamespace(argv: readonly string[], options: RunOptions = {}): Promise<RunningProcess> {
  const { user, mounts } = await openNamespace();
  return start(["nsenter", `--user=${user}`, `--mount=${mounts}`, "--", ...argv], { ...options, umask: 0o022 });
}

/** How nsenter(1) finds our namespaces. */
interface Namespace {
  readonly user: string;
  readonly mounts: string;
}

let opened: Promise<Namespace> | undefined;

/**
 * The user namespace of this process, and a mount namespace in it; made when they are first wanted. No process lives in them:
 * the kernel keeps them as long as we have them open, so they end with us, and what is mounted there with them.
 */
function openNamespace(): Promise<Namespace> {
  opened ??= makeNamespace().catch((error: unknown) => {
    opened = undefined;
    throw error;
  });
  return opened;
}

const MAKE = ["unshare", "--user", "--mount", "--propagation", "slave", "--"];
/** Lives until its input ends; what it says first tells that the namespaces are there. */
const SAY_SO = ["sh", "-c", "echo; read -r end"];

async function makeNamespace(): Promise<Namespace> {
  const ids = await readIdMap();
  const running = start([...MAKE, ...SAY_SO]);
  const isThere = await Promise.race([
    once(running.stdout, "data"),
    running.done.catch((error: unknown) => ({ error })),
  ]);
  if ("error" in isThere) throw await namespaceRefused(isThere.error);
  try {
    await writeIdMap(running.pid, ids);
    const [user, mounts] = ["user", "mnt"].map((name) => openSync(`/proc/${running.pid}/ns/${name}`, "r"));
    return { user: `/proc/${process.pid}/fd/${user}`, mounts: `/proc/${process.pid}/fd/${mounts}` };
  } finally {
    running.stdin.end();
    await running.done.catch(() => {}); // it has done its part
  }
}

async function writeIdMap(pid: number, ids: IdMap): Promise<void> {
  const uidMap = ["0", ids.uid, "1", "1", ids.uids.start, ids.uids.count].map(String);
  const gidMap = ["0", ids.gid, "1", "1", ids.gids.start, ids.gids.count].map(String);
  if (ids.uid === 0) {
    await writeFile(`/proc/${pid}/uid_map`, mapLines(uidMap));
    await writeFile(`/proc/${pid}/gid_map`, mapLines(gidMap));
    return;
  }
  await run(["newuidmap", String(pid), ...uidMap]);
  await run(["newgidmap", String(pid), ...gidMap]);
}

function mapLines([a, b, c, d, e, f]: readonly string[]): string {
  return `${a} ${b} ${c}\n${d} ${e} ${f}\n`;
}

async function namespaceRefused(cause: unknown): Promise<VmbuilderError> {
  const restricted = await readFile("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "utf8").catch(() => "0");
  if (restricted.trim() === "1") {
    return new VmbuilderError("apparmor-userns", "AppArmor forbids user namespaces to unconfined programs", {
      hint: "run once as root: sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
      cause,
    });
  }
  return new VmbuilderError("userns-denied", "the kernel refuses to make a user namespace", {
    hint: "run as root: sysctl -w user.max_user_namespaces=15000 kernel.unprivileged_userns_clone=1",
    cause,
  });
}
