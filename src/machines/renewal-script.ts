/** What a restored machine must have of its own. */
export interface Renewal {
  readonly hostname: string;
  /** With its domain, if it has one. */
  readonly fullName: string;
  /** Thirty-two hexadecimal digits. */
  readonly machineId: string;
  /** A private host key for ssh in OpenSSH's form, and its public half. */
  readonly hostKey: string;
  readonly hostKeyPublic: string;
  /** Of its cards, in their order, with what the snapshot's cards had. */
  readonly macs: readonly { readonly before: string; readonly now: string }[];
  readonly epochSeconds: number;
  /** Random bytes, base64. */
  readonly seed: string;
}

/** The last line that the script writes. */
export const RENEWED = "vmbuilder-renewed";

/**
 * What a shell inside does, as root, so that a restored machine is no copy: clock, host name, machine id, host key, hardware
 * addresses and their leases, random numbers. First what a login shows, with few processes, since each takes long under
 * software emulation; what nobody waits for comes after. Values are quoted by what they may consist of.
 */
export function renewalScript(renewal: Renewal): string {
  const { hostname, fullName, machineId, hostKey, hostKeyPublic, macs, epochSeconds, seed } = renewal;
  const names = fullName === hostname ? hostname : `${fullName} ${hostname}`;
  const hosts = `127.0.0.1\tlocalhost\n127.0.1.1\t${names}\n\n::1\tlocalhost ip6-localhost ip6-loopback\nff02::1\tip6-allnodes\nff02::2\tip6-allrouters`;
  return `{
date -s @${epochSeconds} >/dev/null
echo ${hostname} >/proc/sys/kernel/hostname
echo ${hostname} >/etc/hostname
echo '${hosts}' >/etc/hosts
echo ${machineId} >/etc/machine-id
echo ${seed} >/dev/urandom
umask 077
rm -f /etc/ssh/ssh_host_*
echo '${hostKey.trim()}' >/etc/ssh/ssh_host_ed25519_key
umask 022
echo '${hostKeyPublic.trim()}' >/etc/ssh/ssh_host_ed25519_key.pub
for card in /sys/class/net/*; do
  read -r mac <"$card/address"
  case $mac in
${macs.map(({ before, now }) => `    ${before}) ip link set dev "\${card##*/}" address ${now} ;;`).join("\n")}
  esac
done
if [ -s /run/sshd.pid ]; then read -r pid </run/sshd.pid; kill -HUP "$pid"; else systemctl try-restart ssh.service; fi
} 2>&1
echo ${RENEWED}
{
for card in /sys/class/net/e*; do networkctl reconfigure "\${card##*/}"; done
rm -f /var/lib/dbus/machine-id; ln -s /etc/machine-id /var/lib/dbus/machine-id
head -c 512 /dev/urandom >/var/lib/systemd/random-seed
systemctl restart --no-block vmbuilder-ssh-more-host-keys.service systemd-journald.service systemd-hostnamed.service
} >/dev/null 2>&1
exit
`;
}
