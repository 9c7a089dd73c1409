import { describe, expect, it } from "vitest";
import { libvirtDomain } from "../hypervisors/libvirt.ts";
import { ARCHITECTURES, type Architecture } from "../model/architecture.ts";
import { planNetwork } from "../model/network.ts";
import { recipeSchema } from "../model/recipe.ts";
import { hostArchitecture } from "../system/foreign-programs.ts";
import { describeMachine } from "./machine-description.ts";

const RECIPE = recipeSchema.parse({});

async function domain(architecture: Architecture, hasKvm?: boolean): Promise<string> {
  const machine = await describeMachine(
    {
      recipe: RECIPE,
      distro: "debian",
      suite: "trixie",
      architecture,
      hostname: "web",
      network: planNetwork(RECIPE),
      diskGuid: "0b54a9b6-5bd5-4a36-8d57-1d2f8b8e3c01",
      directory: "/srv/machines/web",
      ...(hasKvm === undefined ? {} : { libvirt: { hasKvm, isSession: false } }),
    },
    [],
  );
  return libvirtDomain.describe(machine)[0]?.content ?? "";
}

describe("describeMachine", () => {
  it.each(ARCHITECTURES)("wants KVM for an %s machine where the host can have it", async (architecture) => {
    const type = architecture === hostArchitecture() ? "kvm" : "qemu";
    expect(await domain(architecture)).toMatch(`<domain type='${type}'>`);
  });

  it.each(ARCHITECTURES)("believes the libvirt that gets an %s machine", async (architecture) => {
    expect(await domain(architecture, true)).toMatch("<domain type='kvm'>");
    expect(await domain(architecture, false)).toMatch("<domain type='qemu'>");
  });
});
