/** qcow2, QEMU's own format: grows with its content; compressed by zstd it is a third in size. Tools: qemu-img (qemu-utils). */
import type { Format } from "../core/format.ts";
import { copyImage } from "../system/qcow2-image.ts";
import { convertTo } from "./qemu-img.ts";

export const qcow2: Format = {
  name: "qcow2",
  title: "QEMU copy on write",
  suffix: ".qcow2",
  convert: convertTo("qcow2"),
  merge: copyImage,
};

export const compressedQcow2: Format = {
  name: "qcow2-compressed",
  title: "QEMU copy on write, compressed",
  suffix: "-compressed.qcow2",
  convert: convertTo("qcow2", "-c", "-o", "compression_type=zstd"),
};
