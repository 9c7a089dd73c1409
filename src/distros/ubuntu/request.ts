import type { Architecture } from "../../model/architecture.ts";
import { VmbuilderError } from "../../model/errors.ts";
import type { PackageRequest } from "../../model/plan.ts";
import type { Recipe } from "../../model/recipe.ts";

/** The kernel for virtual machines, without the drivers of real ones. */
const KERNEL_FLAVOUR = "virtual";
const LOADERS: Partial<Record<Architecture, readonly string[]>> = {
  amd64: ["grub-pc", "grub-efi-amd64-bin"],
  arm64: ["grub-efi-arm64-bin", "grub2-common"],
};
/** Packages of their own in some releases; in others they are part of systemd, or needless. */
const OPTIONAL = ["systemd-resolved", "systemd-repart", "usr-is-merged"];

/**
 * The packages of a machine: the variant's, what boots it, what one logs in with, and what the recipe adds.
 *
 * @throws recipe-invalid for an architecture whose machines of Ubuntu nobody has tried
 */
export function requestPackages(recipe: Recipe, architecture: Architecture): PackageRequest {
  const loader = LOADERS[architecture];
  if (loader === undefined)
    throw new VmbuilderError("recipe-invalid", `machines of Ubuntu are not made for ${architecture}`, {
      hint: `choose an --arch of ${Object.keys(LOADERS).join(", ")}, or --distro debian`,
    });
  const isMinimal = recipe.variant === "minbase";
  const wantsSsh = recipe["ssh-key"].length > 0 || recipe["ssh-user-key"].length > 0;
  const include = [
    `linux-image-${recipe["kernel-flavour"] ?? KERNEL_FLAVOUR}`,
    "initramfs-tools",
    ...loader,
    ...["systemd-sysv", "udev", "sudo", "locales", "apt", "netplan.io", "ubuntu-keyring"],
    ...(isMinimal ? [] : ["ubuntu-minimal"]),
    ...(wantsSsh ? ["openssh-server"] : []),
    ...recipe.tasks.map((name) => `${name}^`),
    ...recipe.addpkg,
  ];
  const excluded = new Set(recipe.removepkg);
  return {
    priorities: isMinimal ? ["required"] : ["required", "important"],
    include: [...new Set(include)].filter((name) => !excluded.has(name)),
    optional: OPTIONAL.filter((name) => !excluded.has(name)),
    exclude: [...excluded],
  };
}
