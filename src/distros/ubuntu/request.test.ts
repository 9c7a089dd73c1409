import { describe, expect, it } from "vitest";
import type { Architecture } from "../../model/architecture.ts";
import { type RecipeInput, recipeSchema } from "../../model/recipe.ts";
import { requestPackages } from "./request.ts";

const request = (input: RecipeInput, architecture: Architecture = "amd64") =>
  requestPackages(recipeSchema.parse({ distro: "ubuntu", ...input }), architecture);

describe("requestPackages", () => {
  it("asks for a minimal Ubuntu that boots by BIOS and UEFI, with the kernel for virtual machines", () => {
    const { priorities, include, optional } = request({});
    expect(priorities).toEqual(["required", "important"]);
    for (const name of ["ubuntu-minimal", "linux-image-virtual", "grub-pc", "grub-efi-amd64-bin", "netplan.io"])
      expect(include).toContain(name);
    expect(optional).toContain("systemd-resolved");
  });

  it("takes another flavour, fewer packages, and no package that shall not be there", () => {
    const { priorities, include, optional, exclude } = request({
      "kernel-flavour": "generic",
      "variant": "minbase",
      "removepkg": ["sudo", "systemd-repart"],
      "ssh-key": ["key.pub"],
    });
    expect(priorities).toEqual(["required"]);
    expect(include).toEqual(expect.arrayContaining(["linux-image-generic", "openssh-server"]));
    for (const name of ["ubuntu-minimal", "sudo", "linux-image-virtual"]) expect(include).not.toContain(name);
    expect(optional).not.toContain("systemd-repart");
    expect(exclude).toEqual(["sudo", "systemd-repart"]);
  });

  it("boots arm64 by UEFI alone", () => {
    expect(request({}, "arm64").include).toContain("grub-efi-arm64-bin");
    expect(request({}, "arm64").include).not.toContain("grub-pc");
  });

  it("refuses riscv64, whose archive nobody has tried", () => {
    expect(() => request({}, "riscv64")).toThrow(
      expect.objectContaining({ code: "recipe-invalid", hint: expect.stringContaining("amd64, arm64") }),
    );
  });

  it("takes tasks for what apt's lists call so", () => {
    expect(request({ tasks: ["lamp-server"], addpkg: ["mail-server^"] }).include.slice(-2)).toEqual([
      "lamp-server^",
      "mail-server^",
    ]);
  });
});
