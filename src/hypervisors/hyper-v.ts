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
  const isUefi = firmware === "uefi";
  const lines = [
    `# Makes the Hyper-V machine ${hostname}, whose disks stay in this folder. In PowerShell as administrator:`,
    `#   powershell -ExecutionPolicy Bypass -File .\\${hostname}.ps1 -Switch NAME`,
    `param([string]$Name = "${hostname}", [string]$Switch = "Default Switch")`,
    '$ErrorActionPreference = "Stop"',
    'if (Get-VM -Name $Name -ErrorAction SilentlyContinue) { throw "There is a machine named $Name already: remove it, or give another -Name" }',
    "if (-not (Get-VMSwitch -Name $Switch -ErrorAction SilentlyContinue)) {",
    "  throw \"There is no switch named $Switch. Give -Switch one of these: $((Get-VMSwitch).Name -join ', ')\"",
    "}",
    `$Disks = @(@(${disks.map(({ name }) => `"${name}"`).join(", ")}) | ForEach-Object { Join-Path $PSScriptRoot $_ })`,
    "# Copying from Linux may have made them sparse files, which Hyper-V refuses",
    "$Disks | ForEach-Object { fsutil sparse setflag $_ 0 }",
    `New-VM -Name $Name -Generation ${isUefi ? 2 : 1} -MemoryStartupBytes ${recipe.mem}MB -SwitchName $Switch -VHDPath $Disks[0] | Out-Null`,
    "$Disks | Select-Object -Skip 1 | ForEach-Object { Add-VMHardDiskDrive -VMName $Name -Path $_ }",
    `Set-VM -Name $Name -ProcessorCount ${recipe.cpus} -StaticMemory`,
    "# Not before Windows 10 and Server 2019",
    'if ((Get-Command Set-VM).Parameters.ContainsKey("AutomaticCheckpointsEnabled")) { Set-VM -Name $Name -AutomaticCheckpointsEnabled $false }',
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
