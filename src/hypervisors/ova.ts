/**
 * OVA: one file that VMware, VirtualBox and others import. It is a tar of a description (OVF 1.0), hashes and the disk.
 * Example: `vmbuilder build --hypervisor ova --hostname web`
 * @see https://www.dmtf.org/standards/ovf
 */
import { stat } from "node:fs/promises";
import { join } from "node:path";
import type { Hypervisor, MachineDescription } from "../core/hypervisor.ts";
import { sha256File, sha256Text } from "../system/files.ts";
import { writeTarFile } from "../system/tar-file.ts";
import { ovfEnvelope } from "./ovf.ts";

export const ova: Hypervisor = {
  name: "ova",
  title: "OVA (Open Virtualization Format)",
  format: "vmdk-stream",
  architectures: ["amd64"],
  describe: () => [],
  pack: packOva,
};

/** The description stands first, as the standard wants it; the disk streams through. */
async function packOva(machine: MachineDescription, folder: string, signal: AbortSignal): Promise<string> {
  const name = `${machine.hostname}.ova`;
  const disks = await Promise.all(
    machine.disks.map(async (disk) => {
      const path = join(folder, disk.name);
      return { ...disk, path, fileBytes: (await stat(path)).size, sha256: await sha256File(path, signal) };
    }),
  );
  const ovf = Buffer.from(ovfEnvelope(machine, disks, "lsilogic"));
  const ovfName = `${machine.hostname}.ovf`;
  const hashes = [{ name: ovfName, sha256: sha256Text(ovf) }, ...disks].map(
    (file) => `SHA256(${file.name})= ${file.sha256}\n`,
  );
  const members = [
    { name: ovfName, content: ovf },
    { name: `${machine.hostname}.mf`, content: Buffer.from(hashes.join("")) },
    ...disks,
  ];
  await writeTarFile(join(folder, name), members, signal);
  return name;
}
