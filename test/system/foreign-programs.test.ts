import { access, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ARCHITECTURES } from "../../src/model/architecture.ts";
import { hostArchitecture, withSmallestTree } from "../../src/system/foreign-programs.ts";
import { runInGuest } from "../../src/system/guest.ts";
import { run } from "../../src/system/process.ts";
import { run as runProgram, VMBUILDER } from "../fixtures/vmbuilder.ts";

const FOREIGN = ARCHITECTURES.find((name) => name !== hostArchitecture()) ?? "arm64";
const EMULATORS = ["x86_64", "aarch64"].flatMap((cpu) => [`/usr/bin/qemu-${cpu}-static`, `/usr/bin/qemu-${cpu}`]);

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "vmb-foreign-"));
  await run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", join(folder, "key")]);
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe("a tree of programs", () => {
  it("for this host's processor runs as it is", () =>
    withSmallestTree(hostArchitecture(), async (tree) => {
      expect(await runInGuest(tree, ["/bin/sh"])).toMatchObject({ status: 0, stderr: "" });
    }));
});

describe("a build for another processor", () => {
  it("is refused in one line, before anything is fetched, where nothing can run its programs", async () => {
    const key = join(folder, "key.pub");
    const args = [
      "build",
      "--arch",
      FOREIGN,
      "--ssh-key",
      key,
      "--dest",
      join(folder, "vm"),
      "--cache-dir",
      join(folder, "cache"),
    ];
    const { status, stderr } = await withoutEmulators([VMBUILDER, ...args]);
    expect(stderr).toContain(`vmbuilder: error: ${FOREIGN} programs do not run here [host-unfit]`);
    expect(stderr).toContain("hint: run as root: apt install qemu-user-static");
    expect(status).toBe(1);
    await expect(access(join(folder, "cache", "packages"))).rejects.toThrow();
  });

  it.each([
    ["a hypervisor for PCs", ["--hypervisor", "xen"], "Xen runs no arm64 machines"],
    ["a BIOS", ["--firmware", "bios"], "arm64 machines start by UEFI alone"],
  ])("is refused with %s", async (_, args, message) => {
    const build = ["build", "--arch", "arm64", "--ssh-key", join(folder, "key.pub"), ...args];
    const { status, stderr } = await runProgram(VMBUILDER, build);
    expect(stderr).toContain(message);
    expect(status).toBe(2);
  });
});

/** Runs a program on a host on which no user-mode QEMU is installed, and none is registered. */
async function withoutEmulators(argv: readonly string[]) {
  const script = `mount -t tmpfs none /proc/sys/fs 2>/dev/null
for file in ${EMULATORS.join(" ")}; do [ ! -e "$file" ] || mount --bind /dev/null "$file"; done
exec "$@"`;
  const mounts = process.getuid?.() === 0 ? [] : ["--user", "--map-root-user"];
  return runProgram("unshare", [...mounts, "--mount", "--propagation", "private", "sh", "-c", script, "sh", ...argv]);
}
