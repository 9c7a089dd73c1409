import { describe, expect, it } from "vitest";
import type { TreeFacts } from "../../core/distro.ts";
import type { Identity } from "../../model/identity.ts";
import { planNetwork } from "../../model/network.ts";
import { recipeSchema } from "../../model/recipe.ts";
import { GIB } from "../../model/size.ts";
import { planStorage } from "../../model/storage-plan.ts";
import { debian } from "./index.ts";

const SERVER = { name: "openssh-server" } as TreeFacts["packages"][number];
const FACTS: TreeFacts = { packages: [SERVER], kernelVersion: "6.12.1-amd64", sizeBytes: 1, files: {} };
const IDENTITY: Identity = {
  hostname: "web.example.org",
  user: undefined,
  rootPasswordHash: undefined,
  rootSshKeys: [],
  timezone: undefined,
  lang: undefined,
  keymap: undefined,
  network: planNetwork(recipeSchema.parse({})),
  firstBoot: [],
  firstLogin: [],
  copies: [],
  cloudInit: undefined,
  ids: { diskGuid: "d", partitionGuids: {}, rootUuid: "root-uuid", swapUuid: "swap-uuid", espSerial: "ABCD1234" },
};

function content(
  path: string,
  identity: Partial<Identity> = {},
  options: { swap?: number; facts?: TreeFacts } = {},
): string | undefined {
  const disk = planStorage({ rootSizeBytes: GIB, swapSizeBytes: options.swap ?? GIB, architecture: "amd64" });
  const found = debian
    .identify({ ...IDENTITY, ...identity }, options.facts ?? FACTS, disk)
    .find((one) => one.path === path);
  return found?.kind === "symlink" ? found.target : found?.kind === "file" ? found.content : undefined;
}

describe("the identity of a Debian machine", () => {
  it("splits a full name into host name and domain", () => {
    expect(content("/etc/hostname")).toBe("web\n");
    expect(content("/etc/hosts")).toContain("127.0.1.1\tweb.example.org web\n");
    expect(content("/etc/hosts", { hostname: "web" })).toContain("127.0.1.1\tweb\n");
  });

  it("mounts by UUID, swap only if there is one", () => {
    expect(content("/etc/fstab")).toMatch(/^UUID=root-uuid \/ ext4 /m);
    expect(content("/etc/fstab")).toMatch(/^UUID=swap-uuid none swap /m);
    expect(content("/etc/fstab")).toMatch(/^UUID=ABCD-1234 \/boot\/efi vfat /m);
    expect(content("/etc/fstab", {}, { swap: 0 })).not.toContain("swap");
  });

  it("boots the tree's kernel from the root file system's UUID", () => {
    expect(content("/boot/grub/grub.cfg")).toContain("/boot/vmlinuz-6.12.1-amd64 root=UUID=root-uuid ro");
    expect(content("/boot/grub/grub.cfg")).toContain("--set=root root-uuid");
    const packages = [{ ...FACTS.packages[0], architecture: "riscv64" }] as TreeFacts["packages"];
    expect(content("/boot/grub/grub.cfg", {}, { facts: { ...FACTS, packages } })).toMatch(
      /linux \/boot\/vmlinux-6\.12\.1-amd64 root=UUID=root-uuid ro console=tty0 console=ttyS0,115200n8$/m,
    );
  });

  it("lets ssh take passwords only where there is one", () => {
    const path = "/etc/ssh/sshd_config.d/50-vmbuilder.conf";
    expect(content(path)).toContain("PasswordAuthentication no");
    expect(content(path, { rootPasswordHash: "$6$x" })).toBeUndefined();
    expect(
      content(path, {
        user: { name: "ann", fullName: "", groups: [], isLocked: false, passwordHash: "$6$x", sshKeys: [] },
      }),
    ).toBeUndefined();
    expect(content(path, {}, { facts: { ...FACTS, packages: [] } })).toBeUndefined();
  });

  it("sets time zone and locale when asked to", () => {
    const asked = { timezone: "Europe/Berlin", lang: "de_DE.UTF-8" };
    expect(content("/etc/localtime", asked)).toBe("/usr/share/zoneinfo/Europe/Berlin");
    expect(content("/etc/timezone", asked)).toBe("Europe/Berlin\n");
    expect(content("/etc/default/locale", asked)).toBe("LANG=de_DE.UTF-8\n");
    expect(content("/etc/localtime")).toBeUndefined();
  });
});
