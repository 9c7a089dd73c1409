import type { PackageRequest } from "../../model/plan.ts";
import type { Recipe } from "../../model/recipe.ts";
import type { Suite } from "./suites.ts";

const KERNELS = { amd64: "linux-image-amd64", arm64: "linux-image-arm64" };
const LOADERS = { amd64: ["grub-pc", "grub-efi-amd64-bin"], arm64: ["grub-efi-arm64-bin", "grub2-common"] };

/** The packages of a machine: the variant's, what boots it, what one logs in with, and what the recipe adds. */
export function requestPackages(recipe: Recipe, suite: Suite, architecture: "amd64" | "arm64"): PackageRequest {
  const priorities = recipe.variant === "minbase" ? ["required"] : ["required", "important"];
  const kernel =
    recipe["kernel-flavour"] === undefined ? KERNELS[architecture] : `linux-image-${recipe["kernel-flavour"]}`;
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
    ...LOADERS[architecture],
    ...system,
    ...split,
    ...(wantsSsh ? ["openssh-server"] : []),
    ...recipe.tasks.map((name) => `task-${name}`), // tasksel's are packages here
    ...recipe.addpkg,
  ];
  const excluded = new Set(recipe.removepkg);
  return { priorities, include: [...new Set(include)].filter((name) => !excluded.has(name)), exclude: [...excluded] };
}
