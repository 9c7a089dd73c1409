import type { Format } from "../core/format.ts";
import { fixedVhd, vhd, vhdx } from "./hyper-v.ts";
import { compressedQcow2, qcow2 } from "./qcow2.ts";
import { compressedRaw, raw } from "./raw.ts";
import { vdi } from "./vdi.ts";
import { esxiVmdk, streamVmdk, vmdk } from "./vmdk.ts";

/** All formats; command line choices and documentation derive from this list. */
export const FORMATS: readonly Format[] = [
  qcow2,
  compressedQcow2,
  raw,
  compressedRaw,
  vmdk,
  streamVmdk,
  esxiVmdk,
  vdi,
  vhdx,
  vhd,
  fixedVhd,
];
