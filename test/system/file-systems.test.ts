import { mkdir, mkdtemp, open, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { GIB, MIB } from "../../src/model/size.ts";
import { SECTOR_BYTES } from "../../src/model/storage-plan.ts";
import { makeSparseFile } from "../../src/system/disk-image.ts";
import { type GuestFileSystem, makeBtrfs, makeXfs } from "../../src/system/guest-file-systems.ts";
import { makeContainer, writeImage } from "../../src/system/luks.ts";
import { OWN_MOUNTS, runInNamespace } from "../../src/system/namespace.ts";
import { run } from "../fixtures/vmbuilder.ts";

const UUID = "11111111-2222-4333-8444-555555555555";
const signal = new AbortController().signal;

/** Names that the format of a prototype would misread, modes that it has no word for, a folder of many names. */
const FILL = `
set -e
cd "$1"
mkdir -p "dir. x" many sticky
echo one >"a b"; echo two >" lead"; echo three >"trail "; echo four >"dir. x/:colon"; echo five >"two  blanks"
echo six >"tab	bed"; echo seven >:remark
for i in $(seq 300); do echo $i >"many/file number $i"; done
chmod 1777 sticky
cp /bin/true suid; chmod 4755 suid; chown 33:44 "a b"; chmod 640 "a b"
touch -d @1600000000 "a b"
ln -s "no/where" link
ln "a b" second
head -c 3000000 /dev/urandom >large
setcap cap_net_raw=ep large 2>/dev/null || true
`;

let directory: string;
let folder: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "vmbuilder-fs-"));
  folder = join(directory, "folder");
  await mkdir(folder);
  await runInNamespace([...OWN_MOUNTS, "sh", "-c", FILL, "sh", folder]);
});
afterAll(() => runInNamespace([...OWN_MOUNTS, "rm", "-rf", directory]));

/** The host is the guest, whose programs are used. */
async function wanted(name: string, sizeBytes: number): Promise<GuestFileSystem> {
  const image = join(directory, name, "image");
  await mkdir(join(directory, name));
  return { tree: "/", folder, subvolumes: [], image, sizeBytes, uuid: UUID, atSeconds: 1_700_000_000 };
}

describe("an xfs", () => {
  let image: string;
  beforeAll(async () => {
    const xfs = await wanted("xfs", GIB);
    await makeXfs(xfs, signal);
    image = xfs.image;
  });
  const look = async (...commands: string[]) =>
    (await run("xfs_db", ["-r", ...commands.flatMap((command) => ["-c", command]), image])).stdout;

  test("has nothing that its own tool would repair", async () => {
    const { status, stdout, stderr } = await run("xfs_repair", ["-n", "-f", image]);
    expect({ status, text: stdout + stderr }).toMatchObject({ status: 0 });
    expect(stdout + stderr).not.toMatch(/would|bad|error|mismatch(?! between)/i);
  });
  test("has the names of its files, whose hashes are right", async () => {
    const names = await look("path /", "ls");
    for (const name of ["a b", " lead", "trail ", "two  blanks", "tab\tbed", ":remark", "second", "link"])
      expect(names).toContain(`${name} (good)`);
    const many = await look("path /many", "ls");
    expect(many.match(/file number \d+ \(good\)/g)).toHaveLength(300);
    expect(names + many).not.toContain("corrupt");
  });
  test("has their owners, modes and times", async () => {
    expect(await look("path /sticky", "print core.mode")).toContain("041777");
    expect(await look("path /suid", "print core.mode")).toContain("0104755");
    const of = await look("path /second", "print core.mode core.uid core.gid core.mtime.sec");
    expect(of).toMatch(/mode = 0100640\ncore.uid = 33\ncore.gid = 44\n/);
    expect(of).toContain("Sep 13 12:26:40 2020");
    expect(await look("path /large", "print core.size")).toContain("3000000");
  });
  test("has the UUID that was asked for", async () => {
    expect(await look("uuid")).toContain(UUID);
  });
});

test("an xfs that is too small is refused, and says why", async () => {
  const file = join(folder, "huge");
  await writeFile(file, Buffer.alloc(320 * MIB, 1));
  try {
    await expect(makeXfs(await wanted("small", 310 * MIB), signal)).rejects.toMatchObject({ code: "tree-too-large" });
  } finally {
    await rm(file);
  }
});

test("a btrfs has the files, and nothing that its own tool would repair", async () => {
  const btrfs = await wanted("btrfs", GIB);
  await makeBtrfs(btrfs, signal);
  const { status, stderr } = await run("btrfs", ["check", "--readonly", btrfs.image]);
  expect({ status, stderr }).toMatchObject({ status: 0 });
  const restored = join(directory, "restored");
  await mkdir(restored);
  await run("btrfs", ["restore", "-S", btrfs.image, restored]);
  expect(await readFile(join(restored, "two  blanks"), "utf8")).toBe("five\n");
  expect(await readFile(join(restored, "large"))).toEqual(await readFile(join(folder, "large")));
  expect((await run("blkid", ["-p", "-o", "export", btrfs.image])).stdout).toContain(`UUID=${UUID}`);
});

describe("an encrypted container", () => {
  const place = { startSector: 2048, sizeSectors: (64 * MIB) / SECTOR_BYTES };
  const payload = place.startSector * SECTOR_BYTES + 4040 * SECTOR_BYTES;
  let disk: string;
  let content: Buffer;
  beforeAll(async () => {
    disk = join(directory, "disk,with=comma.raw");
    const [passphraseFile, image] = [join(directory, "passphrase"), join(directory, "content")];
    await makeSparseFile(disk, 80 * MIB);
    await writeFile(passphraseFile, "secret");
    content = Buffer.concat([Buffer.from("a secret text"), Buffer.alloc(2 * MIB)], 2 * MIB);
    await writeFile(image, content);
    const container = { disk, place, uuid: UUID, passphraseFile };
    const extent = { offsetBytes: payload + 4 * MIB, sizeBytes: content.length };
    await makeContainer(container, () => writeImage(image, disk, extent, container, signal), signal);
  });
  const part = async (offset: number, length: number) => {
    const file = await open(disk, "r");
    const { buffer } = await file.read(Buffer.alloc(length), 0, length, offset);
    await file.close();
    return buffer;
  };

  test("opens by its passphrase alone, as cryptsetup sees it", async () => {
    const container = join(directory, "container");
    await writeFile(container, await part(place.startSector * SECTOR_BYTES, 64 * MIB));
    const dump = (await run("cryptsetup", ["luksDump", container])).stdout;
    expect(dump).toContain(`UUID:          \t${UUID}`);
    expect(dump).toMatch(/Payload offset:\t4040/);
    expect(dump.match(/ENABLED/g)).toHaveLength(1);
    expect(Number(/ENABLED\s+Iterations:\s+(\d+)/.exec(dump)?.[1])).toBeGreaterThan(100_000);
    await writeFile(join(directory, "other"), "wrong");
    const opens = (file: string) =>
      run("cryptsetup", ["open", "--test-passphrase", "--key-file", join(directory, file), container]);
    expect(await opens("passphrase")).toMatchObject({ status: 0 });
    expect(await opens("other")).toMatchObject({ status: 2 });
  });
  test("holds what was put into it, zeros too, and shows nothing of it", async () => {
    const bytes = await part(payload + 4 * MIB, content.length);
    expect(bytes.includes("secret")).toBe(false);
    expect(bytes.subarray(MIB).some((byte) => byte !== 0)).toBe(true);
    expect((await part(payload, MIB)).every((byte) => byte === 0)).toBe(true); // nothing was put there
  });
});
