import type { FileEdit } from "../../model/file-edit.ts";
import type { Identity, MachineScript } from "../../model/identity.ts";

const DIRECTORY = "/usr/local/lib/vmbuilder";
const STATE = "/var/lib/vmbuilder";
const LOG = "/var/log/vmbuilder-firstboot.log";
/** As long is waited for the network; the distribution's own unit would take two minutes where there is none. */
const NETWORK_SECONDS = 30;
const UNIT = "vmbuilder-firstboot.service";

/** Marked before it begins: what a script starts over again, a reboot among it, doesn't make it run twice. */
const RUN_FIRST_BOOT = `#!/bin/sh
# Written by vmbuilder: runs the scripts of firstboot.d once, at the first boot
mkdir -p ${STATE} && : >${STATE}/firstboot.started
touch ${LOG} && chmod 640 ${LOG}
for script in ${DIRECTORY}/firstboot.d/*; do
  echo "first boot: $script"
  "$script" </dev/null >>${LOG} 2>&1 && continue
  status=$?
  echo "first boot: $script ended with status $status; what it said is in ${LOG}"
  mkdir -p /etc/issue.d
  echo "A first-boot script failed: see ${LOG}" >/etc/issue.d/vmbuilder-firstboot.issue
  exit "$status"
done
: >${STATE}/firstboot.done
`;

/** Nobody can log in before it has ended. */
const FIRST_BOOT_UNIT = `# Written by vmbuilder: scripts that run once, before anybody can log in
[Unit]
Description=Run the first-boot scripts
ConditionPathExists=!${STATE}/firstboot.started
After=systemd-networkd.service network-online.target
Before=systemd-user-sessions.service getty-pre.target ssh.service ssh.socket

[Service]
Type=oneshot
RemainAfterExit=yes
TimeoutStartSec=infinity
StandardOutput=journal+console
ExecStartPre=-/lib/systemd/systemd-networkd-wait-online --timeout=${NETWORK_SECONDS}
ExecStart=${DIRECTORY}/firstboot

[Install]
WantedBy=multi-user.target
`;

/** A folder can be made once: so it runs for one person only, even if two log in at the same time. */
const RUN_FIRST_LOGIN = `# Written by vmbuilder: runs the scripts of firstlogin.d once, for the first who logs in on a terminal
if [ -t 0 ] && [ -t 1 ] && mkdir ${STATE}/firstlogin/done 2>/dev/null; then
  for vmbuilder_script in ${DIRECTORY}/firstlogin.d/*; do
    "$vmbuilder_script" || echo "$vmbuilder_script failed" >&2
  done
  unset vmbuilder_script
fi
`;

const script = (path: string, content: string, mode: number): FileEdit => ({
  kind: "file",
  path,
  content,
  mode,
  withParents: true,
});

/** What runs the scripts of the first boot and the first login. None of the distribution's own files is replaced. */
export function firstScriptEdits({ firstBoot, firstLogin }: Pick<Identity, "firstBoot" | "firstLogin">): FileEdit[] {
  const place = (folder: string, scripts: readonly MachineScript[]) =>
    scripts.map(({ name, content }, index) =>
      script(`${DIRECTORY}/${folder}/${String(index + 1).padStart(2, "0")}-${name}`, content, 0o755),
    );
  const boot: FileEdit[] = [
    ...place("firstboot.d", firstBoot),
    script(`${DIRECTORY}/firstboot`, RUN_FIRST_BOOT, 0o755),
    script(`/etc/systemd/system/${UNIT}`, FIRST_BOOT_UNIT, 0o644),
    {
      kind: "symlink",
      path: `/etc/systemd/system/multi-user.target.wants/${UNIT}`,
      target: `/etc/systemd/system/${UNIT}`,
    },
  ];
  const login: FileEdit[] = [
    ...place("firstlogin.d", firstLogin),
    script("/etc/profile.d/zz-vmbuilder-firstlogin.sh", RUN_FIRST_LOGIN, 0o644),
    { kind: "directory", path: STATE, mode: 0o755 },
    { kind: "directory", path: `${STATE}/firstlogin`, mode: 0o1733 },
  ];
  return [...(firstBoot.length > 0 ? boot : []), ...(firstLogin.length > 0 ? login : [])];
}
