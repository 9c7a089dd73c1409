import { expect, it } from "vitest";
import { GIB, MIB } from "../../model/size.ts";
import { planDisks, planStorage } from "../../model/storage-plan.ts";
import { groupEdits, growsBySfdisk } from "./volume-groups.ts";

const refuse = (): never => {
  throw new Error("refused");
};
const ext4 = (mount: string) => ({ fs: "ext4", mount, options: [] }) as const;

it("lets the last volume of the group at the disk's end grow", () => {
  const volumes = [
    { name: "root", ...ext4("/") },
    { name: "logs", ...ext4("/var/log"), sizeBytes: GIB },
  ];
  const partitions = [{ sizeBytes: 300 * MIB, volume: ext4("/boot") }, { lvm: { group: "vg", volumes } }];
  const [disk] = planDisks([{ sizeBytes: 4 * GIB, partitions }], "gpt", "amd64", refuse);
  const edits = disk ? groupEdits([disk]) : [];
  const content = (end: string) =>
    edits.flatMap((one) => (one.kind === "file" && one.path.endsWith(end) ? [one.content] : []));
  expect(content("50-root.conf")).toEqual([expect.stringContaining("Type=e6d6d379-f507-44c2-a23c-238f2a3df928\n")]);
  expect(content(".service")).toEqual([expect.stringMatching(/^ExecStart=\S+ vg root$/m)]);
});

it("adds nothing to other disks", () => {
  expect(groupEdits([planStorage({ rootSizeBytes: GIB, swapSizeBytes: 0, architecture: "amd64" })])).toEqual([]);
});

it("lets sfdisk grow the partition of a group that is encrypted", () => {
  const lvm = { group: "vg", volumes: [{ name: "root", ...ext4("/") }] };
  const partitions = [
    { sizeBytes: 300 * MIB, volume: ext4("/boot") },
    { lvm, luks: { name: "c" } },
  ];
  const disks = planDisks([{ sizeBytes: 4 * GIB, partitions }], "gpt", "amd64", refuse);
  expect(growsBySfdisk(disks)).toBe(true);
  expect(groupEdits(disks).some(({ path }) => path.includes("repart"))).toBe(false);
});
