import type { Format } from "../core/format.ts";
import { convertImage } from "../system/disk-image.ts";
import type { ImageDriver } from "../system/foreign-image.ts";

/** A conversion by qemu-img (qemu-utils) alone, into the format of a driver, with options of `qemu-img convert`. */
export function convertTo(driver: ImageDriver, ...options: string[]): Format["convert"] {
  return ({ path, format }, target, _uuid, signal) => convertImage(path, format, target, driver, options, signal);
}
