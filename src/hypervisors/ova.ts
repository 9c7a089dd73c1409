/**
 * OVA: one file that VMware, VirtualBox and others import. It is a tar of a description (OVF 1.0, or 2.0 for those who ask for it), hashes
 * and the disk.
 * Example: `vmbuilder build --hypervisor ova --hostname web`
 * @see https://www.dmtf.org/standards/ovf
 */
import { stat } from "node:fs/promises";
import { join } from "node:path";
import type { Hypervisor, MachineDescription } from "../core/hypervisor.ts";
import { sha256File, sha256Text } from "../system/files.ts";
import { writeTarFile } from "../system/tar-file.ts";
import { type OvfVersion, ovfEnvelope } from "./ovf.ts";

const ova: Hypervisor = {
  name: "ova",
  title: "OVA (Open Virtualization Format 1.0)",
  format: "vmdk-stream",
  architectures: ["amd64"],
  describe: () => [],
  pack: packAs("1.0", ".ova"),
};

export const OVA: readonly Hypervisor[] = [
  ova,
  { ...ova, name: "ova-2.0", title: "OVA (Open Virtualization Format 2.0)", pack: packAs("2.0", "-ovf2.ova") },
];

/** The description stands first, as the standard wants it; the disk streams through. */
function packAs(version: OvfVersion, suffix: string): NonNullable<Hypervisor["pack"]> {
  return async (machine, folder, signal) => {
    const name = `${machine.hostname}${suffix}`;
    await writeTarFile(join(folder, name), await listMembers(machine, folder, version, signal), signal);
    return name;
  };
}

async function listMembers(machine: MachineDescription, folder: string, version: OvfVersion, signal: AbortSignal) {
  const disks = await Promise.all(
    machine.disks.map(async (disk) => {
      const path = join(folder, disk.name);
      return { ...disk, path, fileBytes: (await stat(path)).size, sha256: await sha256File(path, signal) };
    }),
  );
  const ovf = Buffer.from(ovfEnvelope(machine, disks, "lsilogic", version));
  const ovfName = `${machine.hostname}.ovf`;
  const hashes = [{ name: ovfName, sha256: sha256Text(ovf) }, ...disks].map(
    (file) => `SHA256(${file.name})= ${file.sha256}\n`,
  );
  return [
    { name: ovfName, content: ovf },
    { name: `${machine.hostname}.mf`, content: Buffer.from(hashes.join("")) },
    ...disks,
  ];
}
