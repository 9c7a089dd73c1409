import type { Distro } from "../core/distro.ts";
import { debian } from "./debian/index.ts";
import { ubuntu } from "./ubuntu/index.ts";

/** All distributions, the default first; command line choices and documentation derive from this list. */
export const DISTROS: readonly Distro[] = [debian, ubuntu];
