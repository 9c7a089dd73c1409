import type { FileEdit } from "../../model/file-edit.ts";
import type { Identity } from "../../model/identity.ts";
import type { PackageRequest } from "../../model/plan.ts";
import type { Recipe } from "../../model/recipe.ts";

const SEED = "/var/lib/cloud/seed/nocloud";
/** Read behind the package's own files, the answers of its debconf among them. */
const SETTINGS = "/etc/cloud/cloud.cfg.d/95-vmbuilder.cfg";

/** Adds what reads the machine's user data. */
export function withCloudInitPackage(request: PackageRequest, recipe: Pick<Recipe, "cloud-init">): PackageRequest {
  if (recipe["cloud-init"] === undefined || request.include.includes("cloud-init")) return request;
  return { ...request, include: [...request.include, "cloud-init"] };
}

/**
 * The machine's user data, where cloud-init finds it without asking a network, and settings that keep it off what is done
 * already: it must not look for other clouds, write the network (unless it was given one), change the package sources and the locale,
 * make the ssh host keys again, grow the disk, lock root's keys or make a user beside the recipe's. User data beat them.
 *
 * @see https://docs.cloud-init.io/en/latest/reference/datasources/nocloud.html
 */
export function cloudInitEdits(identity: Identity, renderer: "networkd" | "netplan"): FileEdit[] {
  const { cloudInit, hostname, ids, user } = identity;
  if (!cloudInit) return [];
  const seed = (name: string, content: string | undefined): FileEdit[] =>
    content === undefined ? [] : [{ kind: "file", path: `${SEED}/${name}`, content, mode: 0o600, withParents: true }];
  const settings = {
    datasource_list: ["NoCloud"],
    ...(cloudInit.networkConfig === undefined ? { network: { config: "disabled" } } : {}),
    system_info: {
      network: { renderers: [renderer] },
      // the rest of it is made already; cloud-init would lock the password
      ...(user ? { default_user: { name: user.name, lock_passwd: user.isLocked, sudo: null, groups: [] } } : {}),
    },
    disable_root: false,
    ssh_deletekeys: false,
    locale: false,
    apt: { preserve_sources_list: true },
    growpart: { mode: "off" },
    resize_rootfs: false,
  };
  return [
    ...seed("user-data", cloudInit.userData),
    // a machine's own: a clone runs everything again
    ...seed("meta-data", metaData(cloudInit.metaData, ids.rootUuid, hostname)),
    ...seed("network-config", cloudInit.networkConfig),
    {
      kind: "file",
      path: SETTINGS,
      content: `# Written by vmbuilder\n${JSON.stringify(settings, null, 1)}\n`, // JSON is YAML
      mode: 0o644,
      withParents: true,
    },
  ];
}

/** What the datasource insists on is added to what was given. */
function metaData(given: string | undefined, id: string, hostname: string): string {
  const has = (key: string) => new RegExp(`^["']?${key}["']?\\s*:`, "m").test(given ?? "");
  const own = { "instance-id": id, ...(has("local-hostname") ? {} : { "local-hostname": hostname }) };
  const lacking = Object.entries(own).filter(([key]) => !has(key));
  const text = given === undefined || given.endsWith("\n") ? (given ?? "") : `${given}\n`;
  return text + lacking.map(([key, value]) => `${key}: ${value}\n`).join("");
}
