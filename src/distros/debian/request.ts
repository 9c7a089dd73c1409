import type { Architecture } from "../../model/architecture.ts";
import { VmbuilderError } from "../../model/errors.ts";
import type { PackageRequest } from "../../model/plan.ts";
import type { Recipe } from "../../model/recipe.ts";
import type { Suite } from "./suites.ts";

/** An architecture's kernel and boot loader, and the first release that has the architecture. */
const ARCHITECTURES = {
  amd64: { kernel: "linux-image-amd64", loader: ["grub-pc", "grub-efi-amd64-bin"], since: 0 },
  arm64: { kernel: "linux-image-arm64", loader: ["grub-efi-arm64-bin", "grub2-common"], since: 0 },
  riscv64: { kernel: "linux-image-riscv64", loader: ["grub-efi-riscv64-bin", "grub2-common"], since: 13 },
} as const satisfies Record<Architecture, unknown>;

/**
 * The packages of a machine: the variant's, what boots it, what one logs in with, and what the recipe adds.
 *
 * @throws recipe-invalid for an architecture that the suite doesn't have
 */
export function requestPackages(recipe: Recipe, suite: Suite, architecture: Architecture): PackageRequest {
  const { kernel: usualKernel, loader, since } = ARCHITECTURES[architecture];
  if (suite.version < since)
    throw new VmbuilderError("recipe-invalid", `Debian ${suite.codename} has no ${architecture}`, {
      hint: `choose a --suite from Debian ${since} on, or another --arch`,
    });
  const priorities = recipe.variant === "minbase" ? ["required"] : ["required", "important"];
  const kernel = recipe["kernel-flavour"] === undefined ? usualKernel : `linux-image-${recipe["kernel-flavour"]}`;
  const wantsSsh = recipe["ssh-key"].length > 0 || recipe["ssh-user-key"].length > 0;
  const system = ["systemd-sysv", "udev", "sudo", "locales", "apt"];
  // The resolver of names and the partition grower are packages of their own in later releases.
  const split = [
    ...(suite.version >= 12 ? ["usr-is-merged", "systemd-resolved"] : []),
    ...(suite.version >= 13 ? ["systemd-repart"] : []),
    // kernels of later releases prefer dracut, whose choice of drivers follows the host's
    ...(suite.version >= 14 ? ["initramfs-tools"] : []),
  ];
  const include = [
    kernel,
    ...loader,
    ...system,
    ...split,
    ...(wantsSsh ? ["openssh-server"] : []),
    ...recipe.tasks.map((name) => `task-${name}`), // tasksel's are packages here
    ...recipe.addpkg,
  ];
  const excluded = new Set(recipe.removepkg);
  return { priorities, include: [...new Set(include)].filter((name) => !excluded.has(name)), exclude: [...excluded] };
}
