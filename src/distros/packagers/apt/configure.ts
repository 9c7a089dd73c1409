import { type BuildContext, logLine } from "../../../core/context.ts";
import { dependencyClosure } from "../../../model/dependency.ts";
import type { StepName } from "../../../model/events.ts";
import { runInGuest } from "../../../system/guest.ts";
import { infoName, type UnpackedPackage } from "./dpkg-database.ts";
import { type BuildStubs, runDpkg } from "./scripts.ts";

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
  readonly stubs: BuildStubs;
  readonly onLine: (line: string) => void;
}

/**
 * Configures all unpacked packages. Kernels and what makes their initramfs come first; then the initramfs is made while
 * the rest is configured. Without a new kernel it is made at the end, if some package asks for it.
 *
 * @throws script-failed, script-timeout
 */
export async function configureAll(
  { tree, unpacked, stubs, onLine }: Configuration,
  context: BuildContext,
): Promise<void> {
  const options = { binds: stubs.binds, onLine, signal: context.signal };
  const kernels = kernelVersions(unpacked);
  if (kernels.length > 0) await runDpkg(tree, ["--configure", ...initramfsClosure(unpacked)], options);
  await Promise.all([
    runDpkg(tree, ["--configure", "--pending"], options),
    ...kernels.map((version) => makeInitramfs(tree, "-c", version, context)),
  ]);
  if (kernels.length === 0 && unpacked.some(asksForInitramfs)) await makeInitramfs(tree, "-u", "all", context);
}

async function makeInitramfs(tree: string, action: "-c" | "-u", version: string, context: BuildContext): Promise<void> {
  const onLine = (line: string) => logLine(context, STEP, "debug", line);
  await runInGuest(tree, ["update-initramfs", action, "-k", version], {
    signal: context.signal,
    onLine,
    timeoutMs: 15 * 60 * 1000,
  });
}

/** Versions of the kernels among the packages, as `uname -r` will say them. */
export function kernelVersions(unpacked: readonly UnpackedPackage[]): string[] {
  return unpacked.flatMap(({ paths }) => paths.flatMap((path) => /^\/boot\/vmlinuz-(.+)$/.exec(path)?.[1] ?? []));
}

/** Kernels, initramfs-tools, whatever brings hooks for it, and what all these depend on. */
function initramfsClosure(unpacked: readonly UnpackedPackage[]): string[] {
  const nodes = unpacked.map((one) => ({
    one,
    name: one.deb.control.get("Package") ?? "",
    depends: `${one.deb.control.get("Pre-Depends") ?? ""}, ${one.deb.control.get("Depends") ?? ""}`,
    provides: one.deb.control.get("Provides") ?? "",
  }));
  const roots = nodes.filter(({ one }) =>
    one.paths.some((path) => path.startsWith("/usr/share/initramfs-tools/hooks/") || path.startsWith("/boot/vmlinuz-")),
  );
  return [...dependencyClosure(roots, nodes)].map(({ one }) => infoName(one.deb.control));
}

function asksForInitramfs({ deb }: UnpackedPackage): boolean {
  return /\bupdate-initramfs\b/.test(deb.files.get("triggers")?.content.toString("utf8") ?? "");
}
