import { describe, expect, it } from "vitest";
import type { Preview } from "../../stages/preview.ts";
import { formatPreview } from "./preview.ts";

type Package = Preview["packages"][number];

function ref(name: string, sizeBytes: number, isCached: boolean): Package {
  const texts = { url: "", sha256: name, priority: "optional", depends: "", preDepends: "", provides: "" };
  const flags = { essential: false, isLibrary: false, isCached };
  return {
    name,
    version: "1",
    architecture: "amd64",
    sizeBytes,
    installedSizeBytes: 2 * sizeBytes,
    ...texts,
    ...flags,
  };
}

describe("formatPreview", () => {
  it("names the largest packages that are missing, and what stands on a cached system", () => {
    const text = formatPreview({
      packages: [ref("a", 1000, true), ref("b", 3000, false), ref("c", 5000, false)],
      downloadBytes: 8000,
      steps: [
        { step: "install", title: "Install packages", isCached: false, added: 2 },
        { step: "assemble", title: "Make the disk", isCached: false },
      ],
    });
    expect(text).toContain("3 packages, 9.0 kB; installed 18 kB\n  to download: 8.0 kB, the largest:\n    c ");
    expect(text).toContain(
      "Install packages    to be done: 2 packages on a cached system\n  Make the disk       to be done\n",
    );
  });

  it("has nothing to download for a system that is in the cache", () => {
    const steps = [{ step: "install", title: "Install packages", isCached: true }] as const;
    const text = formatPreview({ packages: [ref("a", 1000, false)], downloadBytes: 0, steps });
    expect(text).toContain("to download: nothing, the system is in the cache\n");
    expect(text).toContain("Install packages    in the cache\n");
  });
});
