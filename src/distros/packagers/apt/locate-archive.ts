import type { ArchivePlace } from "../../../core/distro.ts";
import type { Plan } from "../../../model/plan.ts";
import { openDownloader } from "../../../system/download.ts";
import type { FindSources } from "./resolve.ts";

/** Finds where this host and a machine of the plan read its suite. @throws what finding sources throws */
export async function locateArchive(plan: Plan, findSources: FindSources, signal: AbortSignal): Promise<ArchivePlace> {
  const downloader = openDownloader(4, plan.recipe.proxy);
  try {
    const { sources, guestSources } = await findSources(plan, { downloader, signal }, Date.now());
    const hostOf = (suite: string) => sources.find(({ suites }) => suites.includes(suite))?.uri;
    const addresses = guestSources.flatMap(({ uri: guest, suites }) => {
      const host = suites.map(hostOf).find((uri) => uri !== undefined);
      return host === undefined ? [] : [{ guest, host }];
    });
    return { suites: sources.flatMap(({ suites }) => suites), addresses };
  } finally {
    downloader.close();
  }
}
