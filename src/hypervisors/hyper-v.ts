/**
 * Hyper-V: a VHDX, and a PowerShell script that makes the machine: generation 2 for UEFI, 1 for BIOS.
 * Example: `vmbuilder build --hypervisor hyperv --hostname web`, then in PowerShell as administrator `.\web.ps1`
 */
import type { Hypervisor, MachineDescription } from "../core/hypervisor.ts";
import type { InterfacePlan } from "../model/network.ts";

export const hyperv: Hypervisor = {
  name: "hyperv",
  title: "Hyper-V",
  format: "vhdx",
  architectures: ["amd64"],
  describe: (machine) => [{ name: `${machine.hostname}.ps1`, content: script(machine), mode: 0o644 }],
};

/** Lines end as on Windows. The boot loader isn't signed, so Secure Boot is switched off. */
function script({ recipe, network, firmware, hostname, disks }: MachineDescription): string {
  const [first, ...others] = disks.map(({ name }) => name);
  const isUefi = firmware === "uefi";
  const lines = [
    `# Makes the Hyper-V machine ${hostname}. Run it in PowerShell as administrator: .\\${hostname}.ps1 -Switch NAME`,
    `param([string]$Name = "${hostname}", [string]$Switch = "Default Switch")`,
    '$ErrorActionPreference = "Stop"',
    `New-VM -Name $Name -Generation ${isUefi ? 2 : 1} -MemoryStartupBytes ${recipe.mem}MB -SwitchName $Switch -VHDPath (Join-Path $PSScriptRoot "${first}") | Out-Null`,
    ...others.map((name) => `Add-VMHardDiskDrive -VMName $Name -Path (Join-Path $PSScriptRoot "${name}")`),
    `Set-VM -Name $Name -ProcessorCount ${recipe.cpus} -StaticMemory -AutomaticCheckpointsEnabled $false`,
    ...network.interfaces.flatMap(card),
    ...(isUefi ? ["Set-VMFirmware -VMName $Name -EnableSecureBoot Off"] : []),
    'Write-Output "Start it: Start-VM $Name"',
    "",
  ];
  return lines.join("\r\n");
}

/** New-VM has made the first card. Which switch leads where is the host's matter, so all are at the one that was named. */
function card({ mac }: InterfacePlan, index: number): string[] {
  const address = mac === undefined ? "" : ` -StaticMacAddress "${mac.replaceAll(":", "").toUpperCase()}"`;
  if (index > 0) return [`Add-VMNetworkAdapter -VMName $Name -SwitchName $Switch${address}`];
  return address === "" ? [] : [`Get-VMNetworkAdapter -VMName $Name | Set-VMNetworkAdapter${address}`];
}
