import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { formatDeb822 } from "../../../model/deb822.ts";
import type { AptSource } from "../../../model/package.ts";
import { readDeadlines } from "../../../system/deadlines.ts";
import { makeDirectory } from "../../../system/files.ts";
import { cleanEnvironment } from "../../../system/process.ts";
import { FUTURE_TOLERANCE_MS } from "./release.ts";

/** An apt that knows nothing of the host: where its package lists are, and the environment that makes apt use it. */
export interface IsolatedApt {
  readonly lists: string;
  /** Folder of its configuration and temporary files. */
  readonly directory: string;
  readonly env: Record<string, string>;
}

/** The sources in {@link IsolatedApt.directory}. */
const SOURCES_FILE = "sources.sources";

/**
 * Writes the configuration of an apt of our own: own lists, no installed packages, only the given sources, and every
 * check switched on whatever the host's configuration says.
 *
 * @param directory folder for its configuration and temporary files
 * @param lists folder of its package lists
 * @see https://manpages.debian.org/apt.conf.5
 */
export async function isolateApt(
  directory: string,
  lists: string,
  sources: readonly AptSource[],
  architecture: string,
  proxy?: string,
): Promise<IsolatedApt> {
  await makeDirectory(join(directory, "cache/archives/partial"));
  await writeFile(join(directory, "status"), "");
  await writeFile(join(directory, SOURCES_FILE), formatSources(sources));
  await writeFile(join(directory, "apt.conf"), configuration(directory, lists, architecture, proxy));
  return { lists, directory, env: { ...cleanEnvironment(), APT_CONFIG: join(directory, "apt.conf") } };
}

/** Sources in deb822 form, verified by a keyring file each. `keyring` replaces the path, for use inside a guest. */
export function formatSources(sources: readonly AptSource[], keyring?: string): string {
  return formatDeb822(
    sources.map(
      (source) =>
        new Map([
          ["Types", "deb"],
          ["URIs", source.uri],
          ["Suites", source.suites.join(" ")],
          ...(source.components.length > 0 ? [["Components", source.components.join(" ")] as const] : []),
          ...(source.trusted ? TRUSTED : ([["Signed-By", keyring ?? source.keyring]] as const)),
          ...(source.checkValidUntil === false ? [["Check-Valid-Until", "no"] as const] : []),
        ]),
    ),
  );
}

/** Unsigned sources are refused before their trust is asked for, unless that is allowed, too. @see sources.list(5) */
const TRUSTED = [
  ["Trusted", "yes"],
  ["Allow-Insecure", "yes"],
] as const;

function configuration(directory: string, lists: string, architecture: string, proxy: string | undefined): string {
  const stallSeconds = String(Math.ceil(readDeadlines().stallMs / 1000));
  const settings: Record<string, string> = {
    Dir: directory,
    "Dir::State": directory,
    "Dir::State::lists": lists,
    "Dir::State::status": join(directory, "status"),
    "Dir::Cache": join(directory, "cache"),
    // Its binary forms of the lists would never be read again.
    "Dir::Cache::pkgcache": "",
    "Dir::Cache::srcpkgcache": "",
    "Dir::Etc": directory,
    "Dir::Etc::main": "/dev/null",
    "Dir::Etc::parts": "/dev/null",
    "Dir::Etc::sourcelist": join(directory, SOURCES_FILE),
    "Dir::Etc::sourceparts": "/dev/null",
    "Dir::Etc::preferences": "/dev/null",
    "Dir::Etc::preferencesparts": "/dev/null",
    "Dir::Etc::trusted": "/dev/null",
    "Dir::Etc::trustedparts": "/dev/null",
    "APT::Architecture": architecture,
    "APT::Architectures": architecture,
    // Ubuntu's updates reach a part of its machines first; what is built must not depend on which part the host is in.
    "APT::Get::Always-Include-Phased-Updates": "true",
    "APT::Install-Recommends": "false",
    "APT::Install-Suggests": "false",
    "APT::Sandbox::User": "root",
    "APT::Get::AllowUnauthenticated": "false",
    "Acquire::AllowInsecureRepositories": "false",
    "Acquire::AllowWeakRepositories": "false",
    "Acquire::AllowDowngradeToInsecureRepositories": "false",
    "Acquire::Check-Date": "true",
    "Acquire::Max-FutureTime": String(FUTURE_TOLERANCE_MS / 1000),
    "Acquire::Check-Valid-Until": "true",
    "Acquire::ForceHash": "SHA256",
    // Of 50 MB in all; unpacking xz would take twice as long as downloading three megabytes more does in most places.
    "Acquire::CompressionTypes::Order": "gz",
    "Acquire::Languages": "none",
    "Acquire::PDiffs": "false",
    "Acquire::Retries": "2",
    "Acquire::http::Timeout": stallSeconds,
    "Acquire::https::Timeout": stallSeconds,
    ...(proxy ? { "Acquire::http::Proxy": proxy, "Acquire::https::Proxy": proxy } : {}),
  };
  return Object.entries(settings)
    .map(([name, value]) => `${name} "${value}";\n`)
    .join("");
}
