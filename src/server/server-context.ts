import type { AnswerCache } from "./http/answer-cache.ts";
import type { ProxyList } from "./http/client-address.ts";
import type { EventFeed } from "./http/event-feed.ts";
import type { RateLimit } from "./http/rate-limit.ts";
import type { Capacity } from "./jobs/capacity.ts";
import type { JobStore } from "./jobs/job-store.ts";
import type { MachineHost } from "./machines/machine-host.ts";
import type { Issuer } from "./oidc/issuer.ts";
import type { DataFolder } from "./store/data-folder.ts";
import type { Database } from "./store/database.ts";

/** What the server was started with. */
export interface ServerSettings {
  readonly version: string;
  /** Begins and ends with a slash. */
  readonly basePath: string;
  /** Where people find the page, without the base path. */
  origin: string;
  readonly isSecure: boolean;
  /** Names by which the server may be asked, beside this machine's own. */
  readonly hostNames: ReadonlySet<string>;
  readonly mirrorHosts: ReadonlySet<string>;
  readonly webhookHosts: ReadonlySet<string>;
  /** Whose word is taken for who asks. */
  readonly proxies: ProxyList;
  /** The command line's program and arguments. */
  readonly command: readonly string[];
  readonly cacheDirectory: string;
  /** Folder of the built page. */
  readonly pageDirectory: string;
  /** Folder of the built documentation. */
  readonly docsDirectory: string;
  readonly capacity: Capacity;
  recipeSchema(): Record<string, unknown>;
}

/** All that the routes share. */
export interface ServerContext {
  readonly settings: ServerSettings;
  readonly database: Database;
  readonly jobs: JobStore;
  readonly folder: DataFolder;
  readonly machines: MachineHost;
  readonly feed: EventFeed;
  /** Lists of builds, as answered. */
  readonly lists: AnswerCache;
  /** Who logs people in, beside the server itself. */
  readonly issuer: Issuer | undefined;
  readonly limits: Readonly<Record<"login" | "oidc" | "plans" | "checks", RateLimit>>;
  readonly counters: { requests: Map<string, number>; downloads: number };
}
