import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { readGuestBytes } from "../../../system/guest-files.ts";
import { infoName, type UnpackedPackage } from "./dpkg-database.ts";

/**
 * locales' postinst starts a grep for each of 500 locales, to see whether locale.gen has it. One awk does the same. A
 * postinst with other text stays as it is.
 */
const LOCALES_LOOP = `        echo "$SUPPORTED_LOCALES" | while read locale ; do
           if ! grep -q "^[# ]*$locale *\\$" $LG; then 
             echo "# $locale" >> $LG
           fi
        done
`;
const LOCALES_AWK = `        echo "$SUPPORTED_LOCALES" | awk -v list="$LG" '
          BEGIN { while ((getline line < list) > 0) { sub(/^[# ]*/, "", line); sub(/ *$/, "", line); known[line] } close(list) }
          !($0 in known) { print "# " $0 >> list; known[$0] }
        '
`;

/** Bind mounts, path in the guest to path in `directory`, of scripts that do the same as the packages' own, but sooner. */
export async function quickenScripts(
  unpacked: readonly UnpackedPackage[],
  directory: string,
): Promise<Record<string, string>> {
  const binds: Record<string, string> = {};
  for (const { deb } of unpacked) {
    const postinst = deb.files.get("postinst")?.content.toString("utf8");
    if (!postinst?.includes(LOCALES_LOOP)) continue;
    const path = `/var/lib/dpkg/info/${infoName(deb.control)}.postinst`;
    binds[path] = join(directory, infoName(deb.control));
    await writeFile(
      String(binds[path]),
      postinst.replace(LOCALES_LOOP, () => LOCALES_AWK),
      { mode: 0o755 },
    );
    await chmod(String(binds[path]), 0o755); // whatever the caller's umask: dpkg can't set it
  }
  return binds;
}

const HOOK_FUNCTIONS = "/usr/share/initramfs-tools/hook-functions";
/**
 * For each file that an initramfs gets, its hooks start realpath twice, readlink twice and mkdir, nearly always to hear
 * that a path is what it is. These answer in the shell itself when no part of the path is a link or a dot. So do
 * dirname for plain paths, and sed where it looks for libraries built for one kind of processor, of which none is left.
 */
export const QUICK_COMMANDS = `
is_plain() {
	case "$1/" in
	[!/]* | *//* | */./* | */../*) return 1 ;;
	esac
}
realpath() {
	if [ "$#:$1" = 2:-s ] || [ "$#:$1" = 2:-ms ]; then
		case "$2" in
		/*) set -- "$1" "/\${2#"\${2%%[!/]*}"}" ;;
		esac
		is_plain "$2" && printf '%s\\n' "$2" && return
	fi
	command realpath "$@"
}
readlink() {
	if [ "$#:$1" = 2:-f ] && is_plain "$2"; then
		set -- -f "$2" "\${2#/}"
		case "$3" in
		bin | sbin | lib | bin/* | sbin/* | lib/*)
			if [ "/\${3%%/*}" -ef "/usr/\${3%%/*}" ]; then set -- -f "$2" "usr/$3"; fi
			;;
		esac
		set -- -f "$2" "$3/" ""
		while [ -n "$3" ] && [ -e "$4/\${3%%/*}" ] && [ ! -L "$4/\${3%%/*}" ]; do
			set -- -f "$2" "\${3#*/}" "$4/\${3%%/*}"
		done
		[ -z "$3" ] && printf '%s\\n' "$4" && return
		set -- -f "$2"
	fi
	command readlink "$@"
}
dirname() {
	case "$#:$1" in
	1:-* | 1:*/ | 1:*//*) ;;
	1:?*/?*)
		printf '%s\\n' "\${1%/*}"
		return
		;;
	esac
	command dirname "$@"
}
sed() {
	case "$#:$1:$2" in
	'2:-e:s#/lib/\\([^/]*/\\)\\?\\(tls\\|i686\\|sse2\\|neon\\|vfp\\).*/\\(lib.*\\)#/lib/\\1\\3#' | '2:-e:s#-linux-gnu/\\(tls\\|i686\\|sse2\\|neon\\|vfp\\).*/\\(lib.*\\)#-linux-gnu/\\2#')
		IFS= read -r only_line
		case "$only_line" in
		*tls* | *i686* | *sse2* | *neon* | *vfp*) printf '%s\\n' "$only_line" | command sed "$@" ;;
		*) printf '%s\\n' "$only_line" ;;
		esac
		return
		;;
	esac
	command sed "$@"
}
mkdir() {
	[ "$#:$1" = 2:-p ] && [ -d "$2" ] || command mkdir "$@"
}
`;

/** Bind mounts for update-initramfs, if the tree has what it needs. */
export async function quickenInitramfs(
  tree: string,
  directory: string,
  signal: AbortSignal,
): Promise<Record<string, string>> {
  const functions = (await readGuestBytes(tree, [HOOK_FUNCTIONS], signal)).get(HOOK_FUNCTIONS);
  if (!functions) return {};
  const file = join(directory, "hook-functions");
  await writeFile(file, Buffer.concat([functions, Buffer.from(QUICK_COMMANDS)]));
  return { [HOOK_FUNCTIONS]: file };
}
