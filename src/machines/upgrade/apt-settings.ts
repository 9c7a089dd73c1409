import type { ConffilePolicy } from "../../model/upgrade-run.ts";

/** Where a machine's apt finds what holds during an upgrade alone. */
export const SETTINGS_FILE = "/etc/apt/apt.conf.d/90vmbuilder-upgrade";

/**
 * Settings of apt and dpkg for an upgrade at which nobody sits. Pure.
 *
 * @param proxy by which it reaches some hosts
 * @see apt.conf(5), dpkg(1) --force-conf…
 */
export function aptSettings(policy: ConffilePolicy, proxy?: { address: string; hosts: readonly string[] }): string {
  const options = policy === "keep" ? ["--force-confdef", "--force-confold"] : ["--force-confnew"];
  return [
    "// Written by vmbuilder, for an upgrade test",
    `Dpkg::Options { ${options.map((option) => `"${option}";`).join(" ")} };`,
    'Dpkg::Use-Pty "0";',
    'DPkg::Lock::Timeout "300";',
    'Acquire::Retries "3";',
    'APT::Update::Error-Mode "any";',
    ...(proxy?.hosts ?? []).map((host) => `Acquire::http::Proxy::${host} "${proxy?.address}";`),
    "",
  ].join("\n");
}

/** The environment of an upgrade at which nobody sits, as env(1) takes it. */
export function upgradeEnvironment(policy: ConffilePolicy): string[] {
  return [
    "DEBIAN_FRONTEND=noninteractive",
    "DEBIAN_PRIORITY=critical",
    "APT_LISTCHANGES_FRONTEND=none",
    "NEEDRESTART_MODE=a",
    "LC_ALL=C.UTF-8",
    `UCF_FORCE_CONFF${policy === "keep" ? "OLD" : "NEW"}=1`,
  ];
}
