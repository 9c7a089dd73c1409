import { describe, expect, it } from "vitest";
import { parsePartitionFile } from "./partition-file.ts";
import { MIB } from "./size.ts";
import { planDisks } from "./storage-plan.ts";

const plan = (text: string) => {
  const { disks, refuse } = parsePartitionFile(text, "parts");
  return planDisks(disks, "gpt", "amd64", refuse);
};

describe("a partition file", () => {
  it("describes disks, a partition a line", () => {
    const { disks } = parsePartitionFile("# first\nroot 4000\nswap 1000\n/var 500 # logs\n\n---\n/srv 2000\n", "parts");
    const volumes = disks.map(({ partitions }) =>
      partitions.map(({ sizeBytes, volume }) => [volume?.mount, sizeBytes]),
    );
    expect(volumes).toEqual([
      [
        ["/", 4000 * MIB],
        [undefined, 1000 * MIB],
        ["/var", 500 * MIB],
      ],
      [["/srv", 2000 * MIB]],
    ]);
  });

  it.each([
    ["root 4G", /^parts:1: "4G" is no size in MB/],
    ["root 4000\n/srv many", /^parts:2: "many" is no size in MB/],
    ["root -5", /^parts:1: "-5" is no size in MB/],
    ["root", /^parts:1: "root" is no line/],
    ["root 4000 ext4", /^parts:1: .*is no line/],
    ["root 4000\nsrv 100", /^parts:2: "srv" is neither a mount point/],
    ["root 4000\n/srv 100\n\n/srv 100", /^parts:4: \/srv is a mount point already/],
    ["root 4000\n/ 4000", /^parts:2: \/ is a mount point already/],
    ["root 4000\n/srv/../x 100", /^parts:2: .*is no mount point/],
    ["root 10", /^parts:1: a size of 10 MiB is impossible/],
    ["root 99999999", /^parts:1: a size of/],
    ["swap 100", /^parts:1: there is no root/],
    ["", /^parts:1: a disk has 1 to 64 partitions, not 0/],
    ["root 4000\n---\n", /^parts:2: a disk has 1 to 64 partitions, not 0/],
    ["/srv 100\n---\nroot 4000", /^parts:3: \/ and \/boot stand on the first disk/],
    ["root 4000\n/proc 100", /^parts:2: \/proc cannot be/],
  ])("is refused with its line: %j", (text, message) => {
    expect(() => plan(text)).toThrow(expect.objectContaining({ code: "storage-impossible" }));
    expect(() => plan(text)).toThrow(message);
  });
});
