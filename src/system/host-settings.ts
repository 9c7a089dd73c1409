import { readlink } from "node:fs/promises";
import { join } from "node:path";
import { type HostSetting, type HostSettings, KEYMAP } from "../model/system-settings.ts";
import { readSmallFile } from "./files.ts";

const LIMIT_BYTES = 64 * 1024;
/** A locale whose characters are UTF-8; the C library's own needs no mention. */
const UTF8_LOCALE = /^([a-z]{2,3}_[A-Z]{2})(?:\.(?:UTF-8|utf8|utf-8))(@[a-z]+)?$/;
const ZONE = /^[A-Za-z0-9_+-]+(\/[A-Za-z0-9_+-]+)*$/;
/** Names of zones that newer systems have in a package of their own, if at all. */
const OUTDATED_ZONE = /^(US|Canada|Brazil|Chile|Mexico)\/|^[^/]*$/;

/** Lists all zones and their other names: part of Debian's tzdata. @see https://manpages.debian.org/zic */
const ZONE_LIST = "usr/share/zoneinfo/tzdata.zi";
const ZONE_LIST_BYTES = 1024 * 1024;

/**
 * Reads what the host says of its own locale, time zone and keyboard. What it doesn't say, or says in a way that a machine
 * couldn't take over, is left out. Nothing is read where `VMBUILDER_HOST_SETTINGS` is `none`.
 *
 * @param root folder that the host's files are in
 */
export async function readHostSettings(root = "/", env: NodeJS.ProcessEnv = process.env): Promise<HostSettings> {
  if (env.VMBUILDER_HOST_SETTINGS === "none") return {};
  const [lang, timezone, keymap] = await Promise.all([readLocale(root, env), readZone(root), readKeymap(root)]);
  return { ...(lang ? { lang } : {}), ...(timezone ? { timezone } : {}), ...(keymap ? { keymap } : {}) };
}

/**
 * The zones that the host knows; empty if it has no list of them.
 *
 * @param root folder that the host's files are in
 */
export async function readZoneNames(root = "/"): Promise<ReadonlySet<string>> {
  const lines = await readZoneList(root);
  const names = lines.flatMap((words) => (words[0] === "Z" ? words[1] : words[0] === "L" ? words[2] : undefined) ?? []);
  return new Set(names.length > 0 ? [...names, "UTC", "Etc/UTC"] : []);
}

async function readZoneList(root: string): Promise<string[][]> {
  const text = await readSmallFile(join(root, ZONE_LIST), ZONE_LIST_BYTES).catch(() => "");
  return text.split("\n").map((line) => line.split(" "));
}

async function readLocale(root: string, env: NodeJS.ProcessEnv): Promise<HostSetting | undefined> {
  for (const path of ["/etc/locale.conf", "/etc/default/locale"]) {
    const found = await readVariables(root, path);
    const lang = found && normalLocale(found.get("LANG"));
    if (lang) return { value: lang, from: path };
  }
  const lang = normalLocale(env.LANG);
  return lang ? { value: lang, from: "LANG" } : undefined;
}

function normalLocale(text: string | undefined): string | undefined {
  const [whole, name, modifier = ""] = UTF8_LOCALE.exec(text ?? "") ?? [];
  return whole === undefined ? undefined : `${name}.UTF-8${modifier}`;
}

async function readZone(root: string): Promise<HostSetting | undefined> {
  const target = await readlink(join(root, "etc/localtime")).catch(() => "");
  const [, linked] = /\/zoneinfo\/(.+)$/.exec(target) ?? [];
  const written = await readSmallFile(join(root, "etc/timezone"), LIMIT_BYTES).catch(() => "");
  const [zone, from] = linked ? [linked, "/etc/localtime"] : [written.trim(), "/etc/timezone"];
  if (!ZONE.test(zone)) return undefined;
  if (!OUTDATED_ZONE.test(zone)) return { value: zone, from };
  const link = (await readZoneList(root)).find(([kind, , name]) => kind === "L" && name === zone);
  return { value: link?.[1] ?? zone, from };
}

async function readKeymap(root: string): Promise<HostSetting | undefined> {
  for (const path of ["/etc/default/keyboard", "/etc/vconsole.conf"]) {
    const found = await readVariables(root, path);
    const layout = found?.get("XKBLAYOUT") ?? consoleLayout(found?.get("KEYMAP"));
    const variant = found?.get("XKBVARIANT") ?? "";
    const keymap = /[^,]/.test(variant) ? `${layout}:${variant}` : layout;
    if (keymap && KEYMAP.test(keymap)) return { value: keymap, from: path };
  }
  return undefined;
}

/** The console's own keymaps are named by country, with few exceptions, and then by what is particular. */
function consoleLayout(keymap: string | undefined): string | undefined {
  const [, country] = /^([a-z]{2})(?:$|[-.])/.exec(keymap ?? "") ?? [];
  return country === "uk" ? "gb" : country;
}

/** Lines `NAME=value` of a file of shell variables. */
async function readVariables(root: string, path: string): Promise<Map<string, string> | undefined> {
  const text = await readSmallFile(join(root, path), LIMIT_BYTES).catch(() => undefined);
  const pairs = text?.split("\n").flatMap((line): [string, string][] => {
    const [, name = "", value = ""] = /^\s*([A-Z_]+)=(.*?)\s*$/.exec(line) ?? [];
    return name === "" ? [] : [[name, value.replace(/^(["'])(.*)\1$/, "$2")]];
  });
  return pairs && new Map(pairs);
}
