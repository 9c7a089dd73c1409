import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { readGuestBytes } from "../../../system/guest-files.ts";

/** Programs that stand in for the guest's own while packages are configured. */
export interface BuildStubs {
  /** Bind mounts: path in the guest to path on the host. */
  readonly binds: Readonly<Record<string, string>>;
}

/** The one stand-in that the tree has no file for; the empty mount point is removed at the end. */
export const POLICY_PATH = "/usr/sbin/policy-rc.d";
/** Where a stand-in finds the program that it hides. */
const ORIGINALS = "/run/vmbuilder";

const SILENT = "#!/bin/sh\nexit 0\n";
/** Status 101: "action forbidden by policy". @see https://people.debian.org/~hmh/invokerc.d-policyrc.d-specification.txt */
const POLICY = "#!/bin/sh\nexit 101\n";

/** Host keys are made at first boot, or every copy would share them; keys for anything else are made. */
const SSH_KEYGEN = `#!/bin/sh
case "$*" in */etc/ssh/ssh_host_*) exit 0 ;; esac
exec ${ORIGINALS}/ssh-keygen "$@"
`;

/**
 * Two of the three questions that each unit's postinst asks of deb-systemd-helper have a fixed answer as long as it has no
 * record of the unit: "was enabled" is yes, "unmask" does nothing. Its Perl takes a hundred times longer to say so.
 */
const DEB_SYSTEMD_HELPER = `#!/bin/sh
state=/var/lib/systemd
case "$#:$1:$2" in
  2:unmask:[a-z]*) [ -e "$state/deb-systemd-helper-masked/$2" ] || exit 0 ;;
  3:--quiet:was-enabled) [ -e "$state/deb-systemd-helper-enabled/$3.dsh-also" ] || exit 0 ;;
esac
exec ${ORIGINALS}/deb-systemd-helper "$@"
`;

/**
 * Scripts call this hundreds of times for what an upgrade must move; in a first installation, which has no old version,
 * there is nothing to move. The original starts dpkg and basename to find that out.
 */
const DPKG_MAINTSCRIPT_HELPER = `#!/bin/sh
nothing_to_move() {
  case "$1" in
    rm_conffile | mv_conffile) ;;
    symlink_to_dir | dir_to_symlink) [ ! -e "\${2%/}.dpkg-backup" ] && [ ! -L "\${2%/}.dpkg-backup" ] || return 1 ;;
    *) return 1 ;;
  esac
  while [ "$#" -gt 0 ] && [ "$1" != -- ]; do shift; done
  case "$#:\${2-}:\${3-}" in
    [23]:install: | [23]:configure:) return 0 ;;
    *) return 1 ;;
  esac
}
nothing_to_move "$@" || exec ${ORIGINALS}/dpkg-maintscript-helper "$@"
`;

/** Directory of stand-ins that scripts find through PATH; for programs that are links, which a mount would go through. */
export const STUB_PATH = `${ORIGINALS}/bin`;

/** A kernel's postinst lists its modules again, though none has come since that was done for its initramfs. */
const DEPMOD = `#!/bin/sh
list=/lib/modules/$1/modules.dep
[ "$#" = 1 ] && [ -s "$list" ] && [ -z "$(find "/lib/modules/$1" -name '*.ko*' -cnewer "$list" -print -quit)" ] && exit 0
exec /usr/sbin/depmod "$@"
`;

interface Stub {
  readonly path: string;
  readonly content: string;
  /** Whether the stand-in calls the program that it hides. */
  readonly callsOriginal?: boolean;
}

/** What is replaced while building. The mounts vanish with each run, so nothing has to be undone in the image. */
const STUBS: readonly Stub[] = [
  // No service may start while building.
  { path: POLICY_PATH, content: POLICY },
  { path: "/usr/sbin/invoke-rc.d", content: SILENT },
  { path: "/usr/sbin/start-stop-daemon", content: SILENT },
  // Yes: scripts ask before they would have a running init start anew, and sleep until it has.
  { path: "/usr/bin/ischroot", content: SILENT },
  // Made once, at the end, not by every package that asks.
  { path: "/usr/sbin/update-initramfs", content: SILENT },
  { path: "/usr/bin/ssh-keygen", content: SSH_KEYGEN, callsOriginal: true },
  { path: "/usr/bin/dpkg-maintscript-helper", content: DPKG_MAINTSCRIPT_HELPER, callsOriginal: true },
  { path: "/usr/bin/deb-systemd-helper", content: DEB_SYSTEMD_HELPER, callsOriginal: true },
];

/** Writes the stand-ins into the empty `directory`, for those of the replaced programs that the tree has by `paths`. */
export async function writeStubs(
  tree: string,
  directory: string,
  paths: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<BuildStubs> {
  const stubs = STUBS.filter(
    ({ path }) => path === POLICY_PATH || paths.has(path) || paths.has(path.replace(/^\/usr/, "")),
  );
  const hidden = stubs.filter(({ callsOriginal }) => callsOriginal).map(({ path }) => path);
  const originals = hidden.length > 0 ? await readGuestBytes(tree, hidden, signal) : new Map<string, Buffer>();
  const binds: Record<string, string> = {};
  const write = async (at: string, content: string | Buffer) => {
    const file = join(directory, at.replaceAll("/", "_"));
    await writeFile(file, content, { mode: 0o755 });
    binds[at] = file;
  };
  for (const { path, content, callsOriginal } of stubs) {
    if (!callsOriginal || originals.has(path)) await write(path, content);
  }
  await write(`${STUB_PATH}/depmod`, DEPMOD);
  for (const [path, content] of originals) await write(path.replace(/^.*\//, `${ORIGINALS}/`), content);
  return { binds };
}
