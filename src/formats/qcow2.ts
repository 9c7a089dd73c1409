/** qcow2, QEMU's own format: grows with its content. Tools: qemu-img (qemu-utils). */
import type { Format } from "../core/format.ts";
import { convertImage } from "../system/disk-image.ts";

export const qcow2: Format = {
  name: "qcow2",
  title: "QEMU copy on write",
  extension: "qcow2",
  convert: (source, target, signal) => convertImage(source, "qcow2", target, "qcow2", [], signal),
};
