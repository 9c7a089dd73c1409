import type { Format } from "../core/format.ts";
import { qcow2 } from "./qcow2.ts";

/** All formats; command line choices and documentation derive from this list. */
export const FORMATS: readonly Format[] = [qcow2];
