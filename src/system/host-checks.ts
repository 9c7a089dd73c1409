import { constants } from "node:fs";
import { access, readFile, statfs } from "node:fs/promises";
import { delimiter, dirname, join } from "node:path";
import type { Architecture } from "../model/architecture.ts";
import { type ErrorCode, VmbuilderError } from "../model/errors.ts";
import { formatBytes } from "../model/size.ts";
import { hostArchitecture, withSmallestTree } from "./foreign-programs.ts";
import { runInGuest } from "./guest.ts";
import { OWN_MOUNTS, parseSubordinateIds, runInNamespace } from "./namespace.ts";
import { cleanEnvironment } from "./process.ts";

/** The outcome of one look at the host. */
export interface HostCheck {
  readonly name: string;
  readonly ok: boolean;
  /** Whether a build is impossible without it. */
  readonly required: boolean;
  readonly code: ErrorCode;
  readonly message: string;
  /** What to do now. */
  readonly hint: string;
}

/** Programs that a build starts, with the Debian package that brings each. */
const PROGRAMS: readonly (readonly [program: string, debianPackage: string])[] = [
  ["apt-get", "apt"],
  ["gpgv", "gpgv"],
  ["tar", "tar"],
  ["xz", "xz-utils"],
  ["zstd", "zstd"],
  ["gzip", "gzip"],
  ["unshare", "util-linux"],
  ["nsenter", "util-linux"],
  ["setpriv", "util-linux"],
  ["bwrap", "bubblewrap"],
  ["mke2fs", "e2fsprogs"],
  ["debugfs", "e2fsprogs"],
  ["e2image", "e2fsprogs"],
  ["mformat", "mtools"],
  ["mmd", "mtools"],
  ["mcopy", "mtools"],
  ["qemu-img", "qemu-utils"],
  ["openssl", "openssl"],
];

const EMULATORS: Record<Architecture, readonly [program: string, debianPackage: string]> = {
  amd64: ["qemu-system-x86_64", "qemu-system-x86"],
  arm64: ["qemu-system-aarch64", "qemu-system-arm"],
  riscv64: ["qemu-system-riscv64", "qemu-system-misc (from Debian 13 on: qemu-system-riscv) and u-boot-qemu"],
};

/** A file that a build reads, with the Debian package that brings it. */
export interface HostFile {
  readonly path: string;
  readonly debianPackage: string;
  /** What needs it, if most builds don't. */
  readonly advisedFor?: string;
}

/**
 * Looks at everything that a build needs of the host, and at what makes running its result better.
 *
 * @param cacheDirectory where free space is wanted; it need not exist yet
 */
export async function checkHostFor(
  architecture: Architecture,
  files: readonly HostFile[],
  cacheDirectory?: string,
): Promise<HostCheck[]> {
  const [emulator, emulatorPackage] = EMULATORS[architecture];
  return Promise.all([
    ...PROGRAMS.map(([program, debianPackage]) => checkProgram(program, debianPackage, true)),
    ...(process.getuid?.() === 0 ? [] : [checkProgram("newuidmap", "uidmap", true)]),
    ...files.map(({ path, debianPackage, advisedFor }) => {
      const hint = `run as root: apt install ${debianPackage}`;
      return advisedFor === undefined
        ? checkFile(path, path, constants.R_OK, true, hint)
        : checkFile(path, path, constants.R_OK, false, `for ${advisedFor}: ${hint}`);
    }),
    checkIdRanges(),
    checkNamespace(),
    ...(architecture === hostArchitecture() ? [] : [checkForeignPrograms(architecture, true)]),
    ...(cacheDirectory === undefined ? [] : [checkSpace(cacheDirectory)]),
    checkProgram(emulator, emulatorPackage, false),
    checkProgram("virsh", "libvirt-clients", false),
    checkProgram("gpg", "gnupg", false),
    checkProgram("minisign", "minisign", false),
    checkKvm(),
  ]);
}

/** What building and running machines of another architecture than this host's needs; nobody has to. */
export function checkForeignMachines(architecture: Architecture): Promise<HostCheck[]> {
  const [emulator, debianPackage] = EMULATORS[architecture];
  return Promise.all([
    checkForeignPrograms(architecture, false),
    checkProgram(emulator, debianPackage, false, `to run ${architecture} machines: `),
  ]);
}

/** Whether a tree's programs run though they are for another processor: a tree of one program tells. */
async function checkForeignPrograms(architecture: Architecture, required: boolean): Promise<HostCheck> {
  const ok = await withSmallestTree(architecture, (tree) => runInGuest(tree, ["/bin/sh"], { timeoutMs: 10_000 })).then(
    () => true,
    () => false,
  );
  return {
    name: `${architecture} programs`,
    ok,
    required,
    code: "host-unfit",
    message: ok ? `${architecture} programs run here` : `${architecture} programs do not run here`,
    hint: `${required ? "" : `for builds with --arch ${architecture}: `}run as root: apt install qemu-user-static; before Linux 6.7 also binfmt-support`,
  };
}

/** On a PC, /dev/kvm alone promises too little: without vmx or svm it can be one that interprets boot code, for minutes. */
async function checkKvm(): Promise<HostCheck> {
  const hint = "machines run by software emulation; for speed: enable virtualisation, and join the group kvm";
  const access = await checkFile("KVM", "/dev/kvm", constants.R_OK | constants.W_OK, false, hint);
  if (!access.ok || process.arch !== "x64") return access;
  const processors = await readFile("/proc/cpuinfo", "utf8").catch(() => "");
  if (/^flags\s*:.*\b(vmx|svm)\b/m.test(processors)) return access;
  return { ...access, ok: false, message: "/dev/kvm is there, but the processor has neither vmx nor svm", hint };
}

/** The checks that make a build impossible. */
export function failedChecks(checks: readonly HostCheck[]): HostCheck[] {
  return checks.filter(({ ok, required }) => required && !ok);
}

async function checkProgram(
  program: string,
  debianPackage: string,
  required: boolean,
  purpose = "",
): Promise<HostCheck> {
  const ok = await isExecutable(program);
  return {
    name: program,
    ok,
    required,
    code: "command-missing",
    message: ok ? `${program} is there` : `${program} is not installed`,
    hint: `${purpose}run as root: apt install ${debianPackage}`,
  };
}

async function isExecutable(program: string): Promise<boolean> {
  for (const directory of (cleanEnvironment().PATH ?? "").split(delimiter)) {
    const found = await access(join(directory, program), constants.X_OK).then(
      () => true,
      () => false,
    );
    if (found) return true;
  }
  return false;
}

/** Two users whose ranges overlap can write each other's files from inside a namespace. */
async function checkIdRanges(): Promise<HostCheck> {
  const ranges = parseSubordinateIds(await readFile("/etc/subuid", "utf8").catch(() => ""));
  const overlapping = ranges.filter((one) =>
    ranges.some(
      (other) =>
        other.owner !== one.owner && one.start < other.start + other.count && other.start < one.start + one.count,
    ),
  );
  const ok = overlapping.length === 0;
  const owners = [...new Set(overlapping.map(({ owner }) => owner))].join(" and ");
  return {
    name: "subordinate ids",
    ok,
    required: false,
    code: "host-unfit",
    message: ok ? "ranges of subordinate ids are apart" : `/etc/subuid gives ${owners} overlapping ranges`,
    hint: "give each user a range of their own with usermod --add-subuids",
  };
}

/** A first build keeps less than two gigabytes, and needs one more while it works. */
const WANTED_SPACE_BYTES = 3e9;

async function checkSpace(directory: string): Promise<HostCheck> {
  const info = await statfs(directory).catch(() => undefined);
  if (!info && dirname(directory) !== directory) return checkSpace(dirname(directory));
  const freeBytes = info ? info.bavail * info.bsize : 0;
  return {
    name: "free space",
    ok: freeBytes >= WANTED_SPACE_BYTES,
    required: false,
    code: "disk-full",
    message: `${formatBytes(freeBytes)} are free in ${directory}, for the cache`,
    hint: `a build wants ${formatBytes(WANTED_SPACE_BYTES)}: choose another --cache-dir, or run: vmbuilder cache gc`,
  };
}

async function checkNamespace(): Promise<HostCheck> {
  const name = "user namespace";
  try {
    await runInNamespace([...OWN_MOUNTS, "true"], { timeoutMs: 10_000 });
    return {
      name,
      ok: true,
      required: true,
      code: "userns-denied",
      message: "user namespaces with a range of ids work",
      hint: "",
    };
  } catch (error) {
    const known = error instanceof VmbuilderError ? error : new VmbuilderError("userns-denied", String(error));
    return {
      name,
      ok: false,
      required: true,
      code: known.code,
      message: known.message,
      hint: known.hint ?? "see: vmbuilder doctor",
    };
  }
}

async function checkFile(
  name: string,
  path: string,
  mode: number,
  required: boolean,
  hint: string,
): Promise<HostCheck> {
  const ok = await access(path, mode).then(
    () => true,
    () => false,
  );
  return {
    name,
    ok,
    required,
    code: "host-unfit",
    message: ok ? `${path} can be used` : `${path} cannot be used`,
    hint,
  };
}
