import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { VmbuilderError } from "../../../model/errors.ts";
import { readDeadlines } from "../../../system/deadlines.ts";
import { type GuestOptions, runInGuest } from "../../../system/guest.ts";
import { CommandError, lastLines } from "../../../system/process.ts";
import type { OpenedDeb } from "./control-archive.ts";
import { nameHanging, scriptFoundDiskFull } from "./run-dpkg.ts";

/**
 * Runs each `NAME ARCHITECTURE` of standard input's preinst as dpkg does for a first installation. DEBCONF_PACKAGE: debconf
 * would look for the owner of a preinst's questions in dpkg's own tmp.ci, and call it unknown.
 */
const RUN_PREINSTS = `
while read -r name arch; do
  echo "Preparing $name ($arch) ..."
  DPKG_MAINTSCRIPT_PACKAGE=$name DPKG_MAINTSCRIPT_ARCH=$arch DPKG_MAINTSCRIPT_NAME=preinst \\
    DPKG_MAINTSCRIPT_PACKAGE_REFCOUNT=1 DPKG_ADMINDIR=/var/lib/dpkg DPKG_ROOT= DEBCONF_PACKAGE=$name \\
    /run/preinst/$name/tmp.ci/preinst install </dev/null || { echo "vmbuilder: preinst of $name: status $?" >&2; exit 1; }
done
`;

/**
 * Whether other packages' scripts load this package's files as soon as they are there, depended upon or not: debconf tries
 * Perl modules such as Locale::gettext. tar writes files in place, where dpkg renames finished ones, and Perl dies of a
 * bus error when it maps half of a shared object. So such a package may be unpacked only while no script runs.
 */
export function isLoadedByScripts({ files }: OpenedDeb): boolean {
  return /^\S+ +usr\/(lib\/[^/\n]+|share)\/perl5\//m.test(files.get("md5sums")?.content.toString("utf8") ?? "");
}

/** Whether a package brings something that update-initramfs runs or copies by itself. */
export function isPartOfInitramfs({ files }: OpenedDeb): boolean {
  return /^\S+ +usr\/share\/initramfs-tools\//m.test(files.get("md5sums")?.content.toString("utf8") ?? "");
}

/**
 * Runs the preinst scripts of packages that are about to be unpacked, in one guest.
 *
 * @throws script-failed, script-timeout
 */
export async function runPreinsts(
  tree: string,
  debs: readonly OpenedDeb[],
  scripts: string,
  options: GuestOptions,
): Promise<void> {
  const lines: string[] = [];
  for (const { control, files } of debs) {
    const preinst = files.get("preinst");
    const name = control.get("Package");
    if (!preinst || !name) continue;
    const directory = join(scripts, name, "tmp.ci");
    await mkdir(directory, { recursive: true });
    // All of it, as with dpkg: debconf looks for templates and a config script beside the script that it serves.
    for (const [file, { content }] of files) await writeFile(join(directory, file), content, { mode: 0o755 });
    lines.push(`${name} ${control.get("Architecture")}\n`);
  }
  if (lines.length === 0) return;
  try {
    const binds = { ...options.binds, "/run/preinst": scripts };
    await runInGuest(tree, ["sh", "-c", RUN_PREINSTS], {
      timeoutMs: readDeadlines().scriptMs,
      ...options,
      binds,
      input: lines.join(""),
    });
  } catch (error) {
    if (error instanceof VmbuilderError && error.code === "script-timeout") throw nameHanging(error);
    if (!(error instanceof CommandError)) throw error;
    const failed = /vmbuilder: preinst of (\S+): status (\d+)/.exec(error.stderr);
    const what = failed ? `package ${failed[1]}: its preinst script ended with status ${failed[2]}` : error.message;
    const detail = lastLines(`${error.stdout}\n${error.stderr}`);
    if (error.code === "disk-full")
      throw scriptFoundDiskFull(error, tree, failed ? `package ${failed[1]}` : "a package", detail);
    throw new VmbuilderError("script-failed", what, {
      hint: "the last lines of its output are above",
      detail,
      cause: error,
    });
  }
}
