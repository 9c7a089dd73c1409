/**
 * Microsoft's disks: VHDX for Hyper-V; VHD for what is older, growing or fixed. Azure takes the fixed one; it wants whole MiB,
 * which our disks always are. Tools: qemu-img (qemu-utils).
 */
import type { Format } from "../core/format.ts";
import { convertTo } from "./qemu-img.ts";

export const vhdx: Format = {
  name: "vhdx",
  title: "Hyper-V",
  suffix: ".vhdx",
  convert: convertTo("vhdx", "-o", "subformat=dynamic"),
};

export const vhd: Format = {
  name: "vhd",
  title: "Virtual PC, growing",
  suffix: ".vhd",
  convert: convertTo("vpc", "-o", "subformat=dynamic,force_size=on"),
};

export const fixedVhd: Format = {
  name: "vhd-fixed",
  title: "Azure",
  suffix: "-fixed.vhd",
  convert: convertTo("vpc", "-o", "subformat=fixed,force_size=on"),
};
