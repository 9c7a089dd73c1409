import { realpathSync } from "node:fs";
import { foreignPrefix, hostArchitecture } from "./foreign-programs.ts";
import { runInNamespace, startInNamespace } from "./namespace.ts";
import type { RunningProcess, RunOptions, RunResult } from "./process.ts";

/** How a program runs inside a guest's tree. */
export interface GuestOptions extends RunOptions {
  /** Read-only directories and files of the host, by their path in the guest. */
  binds?: Readonly<Record<string, string>>;
  /** Host directories that the program may write, by their path in the guest. */
  writableBinds?: Readonly<Record<string, string>>;
  /** Leaves it the host's network, loopback included. */
  online?: boolean;
  guestEnv?: Readonly<Record<string, string>>;
  /** Leaves out /dev, /proc, /run and /tmp, so that an archive's own entries for them reach the tree. */
  bare?: boolean;
}

/** Where a guest sees the host's /usr, for trees that have no programs of their own yet. */
export const HOST_USR = "/.host";

/** Search path of programs in a guest. */
export const GUEST_PATH = "/usr/sbin:/usr/bin:/sbin:/bin";

const GUEST_ENV = {
  PATH: GUEST_PATH,
  HOME: "/root",
  LC_ALL: "C.UTF-8",
  LANGUAGE: "C.UTF-8",
  TERM: "dumb",
  DEBIAN_FRONTEND: "noninteractive",
  DEBCONF_NONINTERACTIVE_SEEN: "true",
};

const OWN_FILESYSTEMS = ["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/run", "--perms", "1777", "--tmpfs", "/tmp"];

/**
 * Runs a program with the guest's tree as its root: no network, no other processes, only harmless devices, empty /run
 * and /tmp, none of the host's environment. It dies with us, and its mounts with it. Programs for another processor run
 * by emulation.
 *
 * @throws what {@link runInNamespace} throws
 * @see https://manpages.debian.org/bwrap
 */
export async function runInGuest(
  tree: string,
  argv: readonly string[],
  options: GuestOptions = {},
): Promise<RunResult> {
  return runInNamespace([...(await foreignPrefix(tree)), ...guestArgv(tree, argv, options)], options);
}

/** Like {@link runInGuest}, with the program's standard input and output in the caller's hands. */
export async function startInGuest(
  tree: string,
  argv: readonly string[],
  options: GuestOptions = {},
): Promise<RunningProcess> {
  return startInNamespace([...(await foreignPrefix(tree)), ...guestArgv(tree, argv, options)], options);
}

/**
 * A program of the host's /usr, run chrooted in a tree that may be empty: the host's /usr is mounted read-only, and the
 * host's dynamic linker is told to look there. A hostile link in the tree leads nowhere, since the tree is the root.
 */
export function startHostProgramInGuest(
  tree: string,
  argv: readonly string[],
  options: GuestOptions = {},
): Promise<RunningProcess> {
  return startInNamespace(guestArgv(tree, hostedArgv(argv), hostedOptions(options)), options);
}

/** Like {@link startHostProgramInGuest}, to the program's end. */
export function runHostProgramInGuest(
  tree: string,
  argv: readonly string[],
  options: GuestOptions = {},
): Promise<RunResult> {
  return runInNamespace(guestArgv(tree, hostedArgv(argv), hostedOptions(options)), options);
}

function hostedOptions(options: GuestOptions): GuestOptions {
  return { ...options, bare: true, binds: { ...options.binds, [HOST_USR]: "/usr" } };
}

/** Where each architecture's programs look for their dynamic linker, and Debian's name of the folder of their libraries. */
const LIBRARIES = {
  amd64: { linker: "/lib64/ld-linux-x86-64.so.2", triplet: "x86_64-linux-gnu" },
  arm64: { linker: "/lib/ld-linux-aarch64.so.1", triplet: "aarch64-linux-gnu" },
  riscv64: { linker: "/lib/ld-linux-riscv64-lp64d.so.1", triplet: "riscv64-linux-gnu" },
} as const;

function hostedArgv(argv: readonly string[]): string[] {
  const [program, ...args] = argv;
  const { linker: link, triplet } = LIBRARIES[hostArchitecture()];
  const linker = realpathSync(link);
  const libraries = `${HOST_USR}/lib/${triplet}:${HOST_USR}/lib`;
  const loader = `${HOST_USR}${linker.replace(/^\/usr/, "")}`;
  return [loader, "--library-path", libraries, `${HOST_USR}/bin/${program}`, ...args];
}

function guestArgv(tree: string, argv: readonly string[], options: GuestOptions): string[] {
  const cut = [
    "--die-with-parent",
    "--unshare-pid",
    ...(options.online ? [] : ["--unshare-net"]),
    "--unshare-ipc",
    "--unshare-uts",
    "--cap-add",
    "ALL",
    // its user namespace is also that of our other programs: nothing may be mounted, registered or limited there for them
    ...["SYS_ADMIN", "SYS_RESOURCE"].flatMap((name) => ["--cap-drop", `CAP_${name}`]),
  ];
  const mounts = ["--bind", tree, "/", ...(options.bare ? [] : OWN_FILESYSTEMS)];
  for (const [at, from] of Object.entries(options.binds ?? {})) mounts.push("--ro-bind", from, at);
  for (const [at, from] of Object.entries(options.writableBinds ?? {})) mounts.push("--bind", from, at);
  const env = Object.entries({ ...GUEST_ENV, ...options.guestEnv }).flatMap(([name, value]) => [
    "--setenv",
    name,
    value,
  ]);
  return ["bwrap", ...cut, ...mounts, "--hostname", "localhost", "--chdir", "/", "--clearenv", ...env, "--", ...argv];
}
