import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { VmbuilderError } from "../../../model/errors.ts";
import type { ExtraRepository } from "../../../model/plan.ts";
import type { Recipe } from "../../../model/recipe.ts";
import { plainFingerprint } from "../../../model/repository.ts";
import { type DownloadOptions, downloadText } from "../../../system/download.ts";
import { makeDirectory, readSmallBytes, sha256Text, writeFileAtomically } from "../../../system/files.ts";
import { isHostOnly } from "./archive.ts";
import { readPublicKeys } from "./public-keys.ts";

const PYTHON = "/usr/lib/python3/dist-packages";
/** Where the host's own tools for PPAs name the service's addresses. */
const HOST_ADDRESSES = {
  archive: { file: `${PYTHON}/softwareproperties/ppa.py`, pattern: /^PPA_URI_FORMAT = '(https:\/\/[^'{\s]+?)\/?\{/m },
  api: { file: `${PYTHON}/launchpadlib/uris.py`, pattern: /^LPNET_SERVICE_ROOT = '(https:\/\/[^'\s]+?)\/?'/m },
};
const API_VERSION = "1.0";
const LARGEST_ANSWER_BYTES = 1024 * 1024;

/**
 * The repositories of the personal archives that a recipe names. The machine's suite is theirs.
 *
 * @throws ppa-service-unknown, recipe-invalid
 */
export async function readPpas(recipe: Recipe): Promise<ExtraRepository[]> {
  if (recipe.ppa.length === 0) return [];
  const archive = recipe["ppa-archive"] ?? (await hostAddress("archive"));
  const api = recipe["ppa-api"] ?? (await hostAddress("api"));
  const missing = [...(archive ? [] : ["--ppa-archive URL"]), ...(api ? [] : ["--ppa-api URL"])];
  if (archive === undefined || api === undefined)
    throw new VmbuilderError(
      "ppa-service-unknown",
      "the addresses of the service that keeps PPAs are not known on this host",
      {
        hint: `give ${missing.join(" and ")}, or install software-properties-common and python3-launchpadlib, which name them`,
      },
    );
  if (!api.startsWith("https://") && !isHostOnly(api))
    throw new VmbuilderError(
      "recipe-invalid",
      `ppa-api: ${api} has no https: address, so that keys from it prove nothing`,
    );
  return recipe.ppa.map((ppa) => {
    const [owner = "", name = "ppa"] = ppa.replace(/^ppa:/, "").split("/");
    return {
      name: `ppa-${owner}-${name}`,
      uri: `${archive.replace(/\/+$/, "")}/${owner}/${name}/ubuntu`,
      suite: undefined,
      components: ["main"],
      key: undefined,
      fingerprint: undefined,
      ppa: `${api.replace(/\/+$/, "")}/${API_VERSION}/~${owner}/+archive/ubuntu/${name}`,
      trusted: false,
      checkValidUntil: true,
    };
  });
}

/**
 * The key of a personal archive: as the service gave it when it was first asked, which is then kept.
 *
 * @throws key-unusable, mirror-not-a-repository, and download errors
 */
export async function fetchPpaKey(
  name: string,
  address: string,
  cacheDirectory: string,
  options: DownloadOptions,
): Promise<Buffer> {
  const directory = join(cacheDirectory, "keys");
  // a name alone is not one archive's: `a-b/c` and `a/b-c`, or those of another service
  const pinned = join(directory, `${name}-${sha256Text(address).slice(0, 16)}.gpg`);
  const known = await readSmallBytes(pinned, LARGEST_ANSWER_BYTES).catch(() => undefined);
  if (known) return known;
  const [archive, key] = await Promise.all([ask(address, options), ask(`${address}?ws.op=getSigningKeyData`, options)]);
  const fingerprint =
    archive !== null && typeof archive === "object" ? Reflect.get(archive, "signing_key_fingerprint") : undefined;
  if (typeof fingerprint !== "string" || typeof key !== "string")
    throw new VmbuilderError("key-unusable", `${address} tells of no signing key`, {
      hint: "it has none before its first package is published",
    });
  const found = readPublicKeys(Buffer.from(key, "latin1"), address).find(
    (one) => one.fingerprint === plainFingerprint(fingerprint),
  );
  if (!found)
    throw new VmbuilderError(
      "key-unusable",
      `${address} gives another key than ${fingerprint}, which it says is its own`,
      {
        hint: "something stands between this host and the service: do not go on",
      },
    );
  await makeDirectory(directory);
  await writeFileAtomically(pinned, found.bytes);
  return Buffer.from(found.bytes);
}

async function ask(address: string, options: DownloadOptions): Promise<unknown> {
  const text = await downloadText(address, { ...options, limitBytes: LARGEST_ANSWER_BYTES }).catch((error: unknown) => {
    if (!(error instanceof VmbuilderError) || error.code !== "package-missing") throw error;
    throw new VmbuilderError("mirror-not-a-repository", `there is no PPA at ${address}`, {
      hint: "check --ppa OWNER/NAME",
      cause: error,
    });
  });
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new VmbuilderError("key-unusable", `${address} does not answer as the service of PPAs does`, {
      hint: "check --ppa-api",
      cause,
    });
  }
}

async function hostAddress(which: keyof typeof HOST_ADDRESSES): Promise<string | undefined> {
  const { file, pattern } = HOST_ADDRESSES[which];
  return pattern.exec(await readFile(file, "utf8").catch(() => ""))?.[1];
}
