import type { Distro } from "../core/distro.ts";
import { debian } from "./debian/index.ts";

/** All distributions; command line choices and documentation derive from this list. */
export const DISTROS: readonly Distro[] = [debian];
