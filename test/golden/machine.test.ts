import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { TreeFacts } from "../../src/core/distro.ts";
import { debian } from "../../src/distros/debian/index.ts";
import { kvm } from "../../src/hypervisors/kvm.ts";
import { ARCHITECTURES } from "../../src/model/architecture.ts";
import type { FileEdit } from "../../src/model/file-edit.ts";
import type { Identity } from "../../src/model/identity.ts";
import { planNetwork } from "../../src/model/network.ts";
import { recipeSchema } from "../../src/model/recipe.ts";
import { MIB } from "../../src/model/size.ts";
import { planStorage } from "../../src/model/storage-plan.ts";
import { machineDescription, machineDisk } from "../fixtures/machine-description.ts";
import { run } from "../fixtures/vmbuilder.ts";
import { expectGolden } from "./golden-file.ts";

const FACTS: TreeFacts = {
  packages: [{ name: "openssh-server" } as TreeFacts["packages"][number]],
  kernelVersion: "6.12.48+deb13-amd64",
  sizeBytes: 0,
  files: {
    "/etc/passwd": "root:x:0:0:root:/root:/bin/bash\ndaemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin\n",
    "/etc/group": "root:x:0:\nadm:x:4:\nsudo:x:27:\nshadow:x:42:\n",
    "/etc/shadow": "root:*:20000:0:99999:7:::\ndaemon:*:20000:0:99999:7:::\n",
    "/etc/gshadow": "root:*::\nadm:*::\nsudo:*::\nshadow:*::\n",
    "/etc/subuid": "",
    "/etc/subgid": "",
    "/etc/skel/.profile": "# ~/.profile\n",
  },
};
const IDENTITY: Identity = {
  hostname: "web.example.org",
  user: {
    name: "ann",
    fullName: "Ann Example",
    groups: [],
    isLocked: false,
    passwordHash: undefined,
    sshKeys: ["ssh-ed25519 AAAAC3Nza ann@example.org"],
  },
  rootPasswordHash: undefined,
  rootSshKeys: ["ssh-ed25519 AAAAC3Nzb root@example.org"],
  timezone: "Europe/Berlin",
  lang: "de_DE.UTF-8",
  keymap: "de:nodeadkeys",
  network: planNetwork(recipeSchema.parse({})),
  firstBoot: [],
  firstLogin: [],
  copies: [],
  cloudInit: undefined,
  ids: {
    diskGuid: "11111111-1111-4111-8111-111111111111",
    partitionGuids: { root: "22222222-2222-4222-8222-222222222222" },
    rootUuid: "33333333-3333-4333-8333-333333333333",
    swapUuid: "44444444-4444-4444-8444-444444444444",
    espSerial: "55AA55AA",
  },
};

/** All edits as one text: what each does, and content indented below it. */
function describeEdits(edits: readonly FileEdit[]): string {
  return edits
    .map((edit) => {
      if (edit.kind === "symlink") return `symlink ${edit.path} -> ${edit.target}\n`;
      if (edit.kind === "remove") return `remove ${edit.path}\n`;
      const head = `${edit.kind} ${edit.path} ${edit.mode.toString(8)} ${edit.uid ?? 0}:${edit.gid ?? 0}\n`;
      return head + (edit.kind === "file" ? `${edit.content.replace(/^/gm, "    ").trimEnd()}\n` : "");
    })
    .join("\n");
}

describe("a machine's own files", () => {
  const disk = planStorage({ rootSizeBytes: 4096 * MIB, swapSizeBytes: 1024 * MIB, architecture: "amd64" });

  it("are as they were, with keys alone", async () => {
    await expectGolden("identity-keys.txt", describeEdits(debian.identify(IDENTITY, FACTS, disk)));
  });

  it("are as they were, with passwords alone", async () => {
    const identity = {
      ...IDENTITY,
      hostname: "db",
      rootSshKeys: [],
      rootPasswordHash: "$6$root$hash",
      user: { name: "ann", fullName: "", groups: [], isLocked: false, passwordHash: "$6$ann$hash", sshKeys: [] },
      timezone: undefined,
      lang: undefined,
      keymap: undefined,
    };
    await expectGolden("identity-passwords.txt", describeEdits(debian.identify(identity, FACTS, disk)));
  });
});

describe("the start script", () => {
  let directory: string;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "vmbuilder-golden-"));
  });
  afterAll(() => rm(directory, { recursive: true, force: true }));

  it.each(ARCHITECTURES)("for %s is as it was, and a shell can read it", async (architecture) => {
    const disks = [machineDisk("web.qcow2"), machineDisk("web-2.qcow2", 2)];
    const [script] = kvm.describe(machineDescription({ architecture, disks }));
    expect(script).toMatchObject({ name: "run.sh", mode: 0o755 });
    await expectGolden(`run-${architecture}.sh.txt`, script?.content ?? "");
    const path = join(directory, architecture);
    await writeFile(path, script?.content ?? "");
    expect(await run("sh", ["-n", path])).toEqual({ status: 0, stdout: "", stderr: "" });
  });

  it("passes arguments on, after its own, whatever they hold", async () => {
    const [script] = kvm.describe(machineDescription());
    await writeFile(join(directory, "run.sh"), script?.content ?? "", { mode: 0o755 });
    await writeFile(join(directory, "qemu-system-x86_64"), `#!/bin/sh\nprintf '%s\\n' "$@"\n`, { mode: 0o755 });
    const env = { PATH: `${directory}:/usr/bin:/bin`, SSH_PORT: "none" };
    const { status, stdout } = await run(join(directory, "run.sh"), ["-display", "a b", ""], env);
    expect(status).toBe(0);
    const args = stdout.split("\n").slice(0, -1);
    expect(args.slice(-3)).toEqual(["-display", "a b", ""]);
    expect(args).toContain("if=virtio,format=qcow2,file=web.qcow2");
    expect(stdout).not.toContain("hostfwd");
  });
});
