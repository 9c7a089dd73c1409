import { mkdtemp } from "node:fs/promises";
import { join } from "node:path";
import { type BuildContext, epochEnvironment, logLine } from "../../../core/context.ts";
import { dependencyClosure } from "../../../model/dependency.ts";
import type { StepName } from "../../../model/events.ts";
import { GUEST_PATH, runInGuest } from "../../../system/guest.ts";
import { infoName, type UnpackedPackage } from "./dpkg-database.ts";
import { quickenInitramfs } from "./quick-scripts.ts";
import { runDpkg } from "./run-dpkg.ts";
import { STUB_PATH } from "./stubs.ts";

const INITRAMFS_TIMEOUT_MS = 15 * 60 * 1000;
const STEP: StepName = "install/configure";

/** Counts dpkg's "Setting up" lines into progress, and keeps its output for the log. */
export function configureReporter(context: BuildContext, total: number) {
  let done = 0;
  return (line: string) => {
    const setUp = /^Setting up (\S+) /.exec(line);
    if (setUp)
      context.emit({
        type: "progress",
        step: STEP,
        done: ++done,
        total,
        unit: "packages",
        item: String(setUp[1]),
        atMs: Date.now(),
      });
    logLine(context, STEP, "debug", line);
  };
}

/** What {@link configureAll} works on. */
export interface Configuration {
  readonly tree: string;
  readonly unpacked: readonly UnpackedPackage[];
  /** Stand-ins for programs and scripts, by their path in the guest. */
  readonly binds: Readonly<Record<string, string>>;
  readonly onLine: (line: string) => void;
}

/** Configures what an initramfs is made with, so that it can be made while all else is configured. */
export async function configureForInitramfs(configuration: Configuration, context: BuildContext): Promise<void> {
  const names = initramfsClosure(configuration.unpacked);
  if (names.length > 0)
    await runDpkg(configuration.tree, ["--configure", ...names], dpkgOptions(configuration, context));
}

/** Configures whatever isn't yet. @throws script-failed, script-timeout */
export async function configurePending(configuration: Configuration, context: BuildContext): Promise<void> {
  if (configuration.unpacked.length === 0) return;
  await runDpkg(configuration.tree, ["--configure", "--pending"], dpkgOptions(configuration, context));
}

/** Lists the modules of a kernel that is unpacked, but need not be configured yet. */
export async function listModules(tree: string, version: string, context: BuildContext): Promise<void> {
  await runInGuest(tree, ["depmod", version], guestOptions(context));
}

/** Makes the initramfs of a kernel whose modules are listed. */
export async function makeInitramfs(tree: string, version: string, context: BuildContext): Promise<void> {
  await updateInitramfs(tree, ["-c", "-k", version], context);
}

/** Makes the initramfs of all kernels anew, if a package that was just installed asks for it. */
export async function renewInitramfs({ tree, unpacked }: Configuration, context: BuildContext): Promise<void> {
  if (unpacked.some(asksForInitramfs)) await updateInitramfs(tree, ["-u", "-k", "all"], context);
}

async function updateInitramfs(tree: string, args: readonly string[], context: BuildContext): Promise<void> {
  const directory = await mkdtemp(join(context.workDirectory, "initramfs-"));
  const binds = await quickenInitramfs(tree, directory, context.signal);
  await runInGuest(tree, ["update-initramfs", ...args], { ...guestOptions(context), binds });
}

function dpkgOptions({ binds, onLine }: Configuration, context: BuildContext) {
  return {
    binds,
    onLine,
    signal: context.signal,
    guestEnv: { ...epochEnvironment(context), PATH: `${STUB_PATH}:${GUEST_PATH}` },
  };
}

function guestOptions(context: BuildContext) {
  return {
    signal: context.signal,
    onLine: (line: string) => logLine(context, STEP, "debug", line),
    timeoutMs: INITRAMFS_TIMEOUT_MS,
    guestEnv: epochEnvironment(context),
  };
}

/** Where packages have it; from Debian's 7.x on, the kernel's postinst puts it into /boot. */
const KERNEL = /^\/boot\/vmlinu[xz]-(.+)$|^\/usr\/lib\/modules\/([^/]+)\/vmlinu[xz]$/;

/** Versions of the kernels among the packages, as `uname -r` will say them. */
export function kernelVersions(unpacked: readonly UnpackedPackage[]): string[] {
  return unpacked.flatMap(({ paths }) => paths.flatMap((path) => KERNEL.exec(path)?.slice(1).find(Boolean) ?? []));
}

/** The generator itself, whatever brings hooks for it, and what all these depend on. */
function initramfsClosure(unpacked: readonly UnpackedPackage[]): string[] {
  const nodes = unpacked.map((one) => ({
    one,
    name: one.deb.control.get("Package") ?? "",
    depends: `${one.deb.control.get("Pre-Depends") ?? ""}, ${one.deb.control.get("Depends") ?? ""}`,
    provides: one.deb.control.get("Provides") ?? "",
  }));
  const roots = nodes.filter(({ one }) =>
    one.paths.some(
      (path) => path.startsWith("/usr/share/initramfs-tools/hooks/") || path.endsWith("/sbin/update-initramfs"),
    ),
  );
  return [...dependencyClosure(roots, nodes)].map(({ one }) => infoName(one.deb.control));
}

function asksForInitramfs({ deb }: UnpackedPackage): boolean {
  return /\bupdate-initramfs\b/.test(deb.files.get("triggers")?.content.toString("utf8") ?? "");
}
