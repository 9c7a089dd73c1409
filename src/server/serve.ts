import { existsSync } from "node:fs";
import { hostname } from "node:os";
import { dirname, join, resolve } from "node:path";
import { defaultCacheDirectory } from "../core/cache.ts";
import { createAnswerCache } from "./http/answer-cache.ts";
import { createApp } from "./http/app.ts";
import type { ProxyList } from "./http/client-address.ts";
import { createEventFeed } from "./http/event-feed.ts";
import { inheritedSocket, listen } from "./http/listen.ts";
import { createRateLimit } from "./http/rate-limit.ts";
import { prepareEvent } from "./http/render-event.ts";
import { createSockets } from "./http/sockets.ts";
import { measureCapacity } from "./jobs/capacity.ts";
import { SqliteJobStore } from "./jobs/sqlite-job-store.ts";
import { keepWorker } from "./jobs/worker-process.ts";
import { type MachineHost, openMachineHost } from "./machines/machine-host.ts";
import { startMaintenance } from "./maintenance.ts";
import { type OidcSettings, openIssuer } from "./oidc/issuer.ts";
import type { ServerContext, ServerSettings } from "./server-context.ts";
import { defaultDataDirectory, openDataFolder } from "./store/data-folder.ts";
import { Database } from "./store/database.ts";
import { keepInvitation } from "./store/invitation-file.ts";
import { addUser, invite, listUsers } from "./store/users.ts";

/** What `vmbuilder serve` is told. */
export interface ServeOptions {
  readonly version: string;
  readonly host: string;
  readonly port: number;
  readonly basePath: string;
  readonly dataDirectory?: string | undefined;
  readonly cacheDirectory?: string | undefined;
  readonly publicUrl?: URL | undefined;
  readonly tls?: { readonly certificate: string; readonly key: string } | undefined;
  readonly mirrorHosts: readonly string[];
  readonly webhookHosts: readonly string[];
  /** Whose X-Forwarded-For counts. */
  readonly proxies: ProxyList;
  readonly oidc?: OidcSettings | undefined;
  readonly parallelBuilds?: number | undefined;
  readonly machineNetwork: MachineHost["network"];
  readonly command: readonly string[];
  readonly workerArguments: readonly string[];
  recipeSchema(): Record<string, unknown>;
}

/** A server that runs. */
export interface RunningServer {
  /** Where the page is. */
  readonly url: string;
  /** By which the first admin sets a password; only as long as nobody has one. */
  readonly invitationUrl: string | undefined;
  stop(): Promise<void>;
}

const MINUTE_MS = 60_000;
const GRACE_MS = 10_000;

/**
 * Starts the server and its worker.
 *
 * @throws port-unusable, database-unusable, file-unreadable
 */
export async function startServer(options: ServeOptions): Promise<RunningServer> {
  const folder = await openDataFolder(options.dataDirectory ?? defaultDataDirectory());
  const database = new Database(folder.database);
  try {
    database.check();
    const settings = settingsOf(options);
    const server: ServerContext = {
      settings,
      database,
      folder,
      machines: await openMachineHost(database, folder, options.machineNetwork),
      jobs: new SqliteJobStore(database),
      feed: createEventFeed(database, (event) => prepareEvent(event, server)),
      lists: createAnswerCache(),
      issuer: options.oidc && openIssuer(options.oidc),
      limits: {
        login: createRateLimit("logins", 10, 15 * MINUTE_MS),
        oidc: createRateLimit("logins", 60, 15 * MINUTE_MS),
        plans: createRateLimit("plans", 20, MINUTE_MS),
        checks: createRateLimit("checks", 240, MINUTE_MS),
      },
      counters: { requests: new Map(), downloads: 0 },
    };
    const socketFd = inheritedSocket(process.env, process.pid);
    const sockets = createSockets(server);
    const listener = await listen(createApp(server).fetch, sockets, { ...options, socketFd }).catch(
      (error: unknown) => {
        server.feed.close();
        sockets.close();
        throw error;
      },
    );
    const scheme = options.tls ? "https" : "http";
    settings.origin ||= options.publicUrl?.origin ?? "";
    const origin = settings.origin || `${scheme}://${shownHost(options.host)}:${listener.port}`;
    const worker = keepWorker([
      ...[...options.command, ...options.workerArguments, "--data-dir", folder.path],
      ...["--cache-dir", settings.cacheDirectory, "--jobs", String(settings.capacity.parallelBuilds)],
    ]);
    const maintenance = startMaintenance(server);
    void server.issuer?.discover().catch((error: Error) => {
      process.stderr.write(`warning: ${error.message}; until it does, only users of this server log in\n`);
    });
    const invitationUrl = inviteAdmin(database, `${origin}${settings.basePath}`);
    await keepInvitation(folder, invitationUrl);
    return {
      url: `${origin}${settings.basePath}`,
      invitationUrl,
      async stop() {
        server.feed.close();
        await server.machines.tasks.close();
        await Promise.all([listener.close(GRACE_MS), worker.stop(), maintenance.stop()]);
        database.close();
      },
    };
  } catch (error) {
    database.close();
    throw error;
  }
}

function settingsOf(options: ServeOptions): ServerSettings {
  const own = [hostname(), ...(options.publicUrl ? [options.publicUrl.hostname] : [])];
  return {
    version: options.version,
    basePath: options.basePath,
    origin: "",
    isSecure: options.tls !== undefined || options.publicUrl?.protocol === "https:",
    hostNames: new Set(own.map((name) => name.toLowerCase())),
    mirrorHosts: new Set(options.mirrorHosts.map((host) => host.toLowerCase())),
    webhookHosts: new Set(options.webhookHosts.map((host) => host.toLowerCase())),
    proxies: options.proxies,
    command: options.command,
    cacheDirectory: resolve(options.cacheDirectory ?? defaultCacheDirectory()),
    pageDirectory: findBuilt("web"),
    docsDirectory: findBuilt("docs"),
    capacity: measureCapacity(options.parallelBuilds),
    recipeSchema: options.recipeSchema,
  };
}

/** As long as no admin can log in, whoever reads the console is one. */
function inviteAdmin(database: Database, url: string): string | undefined {
  const users = listUsers(database);
  if (users.some(({ role, password, oidc }) => role === "admin" && (password ?? oidc) !== null)) return undefined;
  const admin = users.find(({ role }) => role === "admin") ?? addUser(database, "admin", "admin");
  return `${url}#/invitation/${invite(database, admin.name)}`;
}

/** The built page and documentation lie beside the bundle, wherever this file is. */
function findBuilt(name: string): string {
  for (let folder = import.meta.dirname; ; folder = dirname(folder)) {
    if (existsSync(join(folder, "package.json"))) return join(folder, "dist", name);
    if (folder === dirname(folder)) return join(import.meta.dirname, name);
  }
}

function shownHost(host: string): string {
  if (host === "0.0.0.0" || host === "::") return hostname();
  return host.includes(":") ? `[${host}]` : host;
}
