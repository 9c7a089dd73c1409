/** VirtualBox's own disk, which grows with its content. Tools: qemu-img (qemu-utils). */
import { open } from "node:fs/promises";
import type { Format } from "../core/format.ts";
import { convertTo } from "./qemu-img.ts";

/** Where the header holds the disk's UUID, by which a machine's description names it. @see VirtualBox, VDICore.h */
const UUID_AT = 0x188;

export const vdi: Format = {
  name: "vdi",
  title: "VirtualBox",
  suffix: ".vdi",
  async convert(source, target, uuid, signal) {
    await convertTo("vdi")(source, target, uuid, signal);
    await using file = await open(target, "r+");
    await file.write(mixedEndian(uuid), 0, 16, UUID_AT);
  },
};

/** A UUID as VirtualBox stores it: the first three of its parts little-endian. */
function mixedEndian(uuid: string): Buffer {
  const bytes = Buffer.from(uuid.replaceAll("-", ""), "hex");
  bytes.subarray(0, 4).reverse();
  bytes.subarray(4, 6).reverse();
  bytes.subarray(6, 8).reverse();
  return bytes;
}
