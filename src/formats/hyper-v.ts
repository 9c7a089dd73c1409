/**
 * Microsoft's disks: VHDX for Hyper-V; VHD for what is older, growing or fixed. Azure takes the fixed one; it wants whole MiB,
 * which our disks always are. Tools: qemu-img (qemu-utils).
 */
import type { Format } from "../core/format.ts";
import { convertImage } from "../system/disk-image.ts";

export const vhdx: Format = {
  name: "vhdx",
  title: "Hyper-V",
  suffix: ".vhdx",
  convert: ({ path, format }, target, _uuid, signal) =>
    convertImage(path, format, target, "vhdx", ["-o", "subformat=dynamic"], signal),
};

export const vhd: Format = {
  name: "vhd",
  title: "Virtual PC, growing",
  suffix: ".vhd",
  convert: ({ path, format }, target, _uuid, signal) =>
    convertImage(path, format, target, "vpc", ["-o", "subformat=dynamic,force_size=on"], signal),
};

export const fixedVhd: Format = {
  name: "vhd-fixed",
  title: "Azure",
  suffix: "-fixed.vhd",
  convert: ({ path, format }, target, _uuid, signal) =>
    convertImage(path, format, target, "vpc", ["-o", "subformat=fixed,force_size=on"], signal),
};
