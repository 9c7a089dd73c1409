import { describe, expect, it } from "vitest";
import type { MachineDescription } from "../../src/core/hypervisor.ts";
import { HYPERVISORS } from "../../src/hypervisors/index.ts";
import { planNetwork } from "../../src/model/network.ts";
import { recipeSchema } from "../../src/model/recipe.ts";
import { machineDescription, machineDisk } from "../fixtures/machine-description.ts";
import { expectGolden } from "./golden-file.ts";

const DESCRIBING = HYPERVISORS.filter(({ name, pack }) => !pack && !["qemu", "vmw6", "vmserver"].includes(name));

/** All that a hypervisor writes of a machine, with the names of the files. */
function describedBy(name: string, changes: Partial<MachineDescription> = {}): string {
  const hypervisor = HYPERVISORS.find((one) => one.name === name);
  const files = hypervisor?.describe(machineDescription(changes)) ?? [];
  return files
    .map((file) => `==== ${file.name} ${file.mode.toString(8)}\n${file.content.replaceAll("\r\n", "\n")}`)
    .join("");
}

const BUSY: Partial<MachineDescription> = {
  recipe: { mem: 4096, cpus: 3 },
  network: planNetwork(
    recipeSchema.parse({ mac: "52:54:00:12:34:56", bridge: "br0", interfaces: [{}, { ip: "192.0.2.7/24" }] }),
  ),
  firmware: "uefi",
  disks: [machineDisk("web.disk"), machineDisk("web-2.disk", 2)],
};

describe.each(DESCRIBING.map(({ name }) => name))("%s", (name) => {
  it("describes a plain machine as it did", () => expectGolden(`hypervisors/${name}.txt`, describedBy(name)));

  it("honours memory, processors, address, firmware and a second disk", async () => {
    const text = describedBy(name, BUSY);
    await expectGolden(`hypervisors/${name}-uefi.txt`, text);
    expect(text).toContain("4096");
    expect(text).toMatch(/\b3\b/);
    expect(text.replaceAll(":", "")).toContain("525400123456");
    expect(text).toContain("web.disk");
    expect(text).toContain("web-2.disk");
    expect(text).not.toBe(describedBy(name, { ...BUSY, firmware: "bios" }));
  });
});
