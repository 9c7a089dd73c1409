import type { AptSource, Lock } from "../../model/package.ts";
import type { Plan } from "../../model/plan.ts";
import { defaultMirrors } from "./mirrors.ts";

/**
 * The sources for the guest's own apt. A mirror that only the host can reach (a file, its loopback) is replaced by the
 * default one, since the guest could never use it.
 */
export async function guestSources(plan: Plan, lock: Lock): Promise<AptSource[]> {
  const defaults = await defaultMirrors();
  return lock.sources.map((source) => {
    if (!isHostOnly(source.uri)) return source;
    const security = source.suites.includes(`${plan.suite}-security`);
    return { ...source, uri: (security ? defaults.security : defaults.main) ?? source.uri };
  });
}

function isHostOnly(uri: string): boolean {
  return /^file:|^https?:\/\/(localhost|127\.[0-9.]+|\[::1\])(:\d+)?(\/|$)/.test(uri);
}
