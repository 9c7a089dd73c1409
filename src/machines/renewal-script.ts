import type { HostKey } from "./host-keys.ts";

/** What a restored machine must have of its own, beside its ssh host keys. */
export interface Renewal {
  readonly hostname: string;
  /** With its domain, if it has one. */
  readonly fullName: string;
  /** Thirty-two hexadecimal digits. */
  readonly machineId: string;
  /** Of its cards, in their order, with what the snapshot's cards had. */
  readonly macs: readonly { readonly before: string; readonly now: string }[];
  readonly epochSeconds: number;
  /** Random bytes, base64. */
  readonly seed: string;
}

/** The last line that the scripts write. */
export const RENEWED = "vmbuilder-renewed";

/** How often the shell looks for an address, twenty times a second. */
const LOOKS = 60;

/**
 * The first half of what a shell inside does, as root, so that a restored machine is no copy: hardware addresses and their leases,
 * clock, host name, machine id, random numbers. It has few processes, since each takes long under software emulation.
 * Values are quoted by what they may consist of.
 *
 * A card goes down and up, so that whoever configures it, whatever its version, begins anew with the new address.
 */
export function renewalScript(renewal: Renewal): string {
  const { hostname, fullName, machineId, macs, epochSeconds, seed } = renewal;
  const names = fullName === hostname ? hostname : `${fullName} ${hostname}`;
  const hosts = `127.0.0.1\tlocalhost\n127.0.1.1\t${names}\n\n::1\tlocalhost ip6-localhost ip6-loopback\nff02::1\tip6-allnodes\nff02::2\tip6-allrouters`;
  return `{
echo ${seed} >/dev/urandom
${macs.length > 1 ? renameInFiles(macs) : ":"}
cards= lines=
for path in /sys/class/net/*; do
  card=\${path##*/} mac=
  read -r before <"$path/address"
  case $before in
${macs.map(({ before, now }) => `    ${before}) mac=${now} ;;`).join("\n")}
  esac
  [ -n "$mac" ] || continue
  cards="$cards $card"
  lines="\${lines}link set dev $card down
link set dev $card address $mac
link set dev $card up
"
done
ip -batch - <<END
$lines
END
date -s @${epochSeconds} >/dev/null
echo ${hostname} >/proc/sys/kernel/hostname
echo ${hostname} >/etc/hostname
echo '${hosts}' >/etc/hosts
read -r id </etc/machine-id
for logs in /var/log/journal /run/log/journal; do
  [ ! -d "$logs/$id" ] || mv "$logs/$id" "$logs/${machineId}"
done
echo ${machineId} >/etc/machine-id
} 2>&1
`;
}

/**
 * The second half: the ssh host keys, and the wait for an address, so that the first who knocks is heard. What nobody waits
 * for comes later, when the first login is over.
 */
export function hostKeyScript(keys: readonly HostKey[]): string {
  const files = keys.map(
    ({ type, privateKey, publicKey }) => `umask 077
echo '${privateKey.trim()}' >/etc/ssh/ssh_host_${type}_key
umask 022
echo '${publicKey.trim()}' >/etc/ssh/ssh_host_${type}_key.pub`,
  );
  return `{
rm -f /etc/ssh/ssh_host_*
${files.join("\n")}
if [ -s /run/sshd.pid ]; then read -r pid </run/sshd.pid; kill -HUP "$pid"; else systemctl try-restart ssh.service; fi
looks=0
until [ -z "$cards" ] || [ $looks -ge ${LOOKS} ]; do
  while read -r card _; do
    case " $cards " in *" $card "*) cards= ;; esac
  done </proc/net/route
  [ -z "$cards" ] || sleep 0.05
  looks=$((looks + 1))
done
} 2>&1
echo ${RENEWED}
{
sleep 3
rm -f /var/lib/dbus/machine-id; ln -s /etc/machine-id /var/lib/dbus/machine-id
head -c 512 /dev/urandom >/var/lib/systemd/random-seed
systemctl restart --no-block systemd-journald.service systemd-hostnamed.service
} >/dev/null 2>&1
exit
`;
}

/** Several cards are told apart by their addresses, which their settings name. */
function renameInFiles(macs: Renewal["macs"]): string {
  const commands = macs.map(({ before, now }) => `-e s/${before}/${now}/`).join(" ");
  return `for file in /etc/systemd/network/* /etc/netplan/*; do [ ! -f "$file" ] || sed -i ${commands} "$file"; done; networkctl reload`;
}
