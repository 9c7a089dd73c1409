import { describe, expect, it } from "vitest";
import type { Architecture } from "../../model/architecture.ts";
import { type RecipeInput, recipeSchema } from "../../model/recipe.ts";
import { requestPackages } from "./request.ts";

const TRIXIE = { codename: "trixie", version: 13, releasedOn: "2025-08-09" };
const request = (recipe: RecipeInput = {}, version = 13, architecture: Architecture = "amd64") =>
  requestPackages(recipeSchema.parse(recipe), { ...TRIXIE, version }, architecture);

describe("requestPackages", () => {
  it("asks for the variant's priorities", () => {
    expect(request().priorities).toEqual(["required", "important"]);
    expect(request({ variant: "minbase" }).priorities).toEqual(["required"]);
  });

  it("brings what boots, on each architecture", () => {
    expect(request().include).toEqual(expect.arrayContaining(["linux-image-amd64", "grub-pc", "grub-efi-amd64-bin"]));
    const { include } = request({}, 13, "arm64");
    expect(include).toEqual(expect.arrayContaining(["linux-image-arm64", "grub-efi-arm64-bin"]));
    expect(include.filter((name) => name.includes("amd64") || name === "grub-pc")).toEqual([]);
  });

  it("brings riscv64 from trixie on, which is the first release that has it", () => {
    for (const version of [13, Number.POSITIVE_INFINITY])
      expect(request({}, version, "riscv64").include).toEqual(
        expect.arrayContaining(["linux-image-riscv64", "grub-efi-riscv64-bin", "grub2-common"]),
      );
    expect(() => request({}, 12, "riscv64")).toThrow(
      expect.objectContaining({ code: "recipe-invalid", hint: expect.stringContaining("Debian 13") }),
    );
  });

  it("takes tasks for the packages that they are", () => {
    expect(request({ tasks: ["web-server", "german"] }).include).toEqual(
      expect.arrayContaining(["task-web-server", "task-german"]),
    );
  });

  it("takes another kernel", () => {
    const { include } = request({ "kernel-flavour": "cloud-amd64" });
    expect(include).toContain("linux-image-cloud-amd64");
    expect(include).not.toContain("linux-image-amd64");
  });

  it.each([{ "ssh-key": "a.pub" }, { "user": "ann", "ssh-user-key": ["a.pub"] }])(
    "brings a server for %j",
    (recipe) => {
      expect(request(recipe).include).toContain("openssh-server");
      expect(request().include).not.toContain("openssh-server");
    },
  );

  it.each([
    [11, []],
    [12, ["systemd-resolved", "usr-is-merged"]],
    [13, ["systemd-repart", "systemd-resolved", "usr-is-merged"]],
    [Number.POSITIVE_INFINITY, ["systemd-repart", "systemd-resolved", "usr-is-merged"]],
  ])("knows which packages release %d split off", (version, split) => {
    const { include } = request({}, version);
    expect(include.filter((name) => /^(systemd-re|usr-is)/.test(name)).sort()).toEqual(split);
  });

  it("adds, leaves out, and names nothing twice; leaving out wins", () => {
    const { include, exclude } = request({ addpkg: ["nginx", "sudo", "nano"], removepkg: ["nano", "locales"] });
    expect(include).toContain("nginx");
    expect(new Set(include).size).toBe(include.length);
    expect(include).not.toContain("nano");
    expect(include).not.toContain("locales");
    expect(exclude).toEqual(["nano", "locales"]);
  });
});
