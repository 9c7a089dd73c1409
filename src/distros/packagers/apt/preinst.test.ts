import { describe, expect, it } from "vitest";
import type { OpenedDeb } from "./control-archive.ts";
import { isLoadedByScripts } from "./preinst.ts";

function debWith(md5sums: string | undefined): OpenedDeb {
  const file = { content: Buffer.from(md5sums ?? ""), mode: 0o644, mtimeSeconds: 0 };
  return {
    path: "",
    layout: {} as OpenedDeb["layout"],
    control: new Map(),
    files: new Map(md5sums === undefined ? [] : [["md5sums", file]]),
  };
}

describe("isLoadedByScripts", () => {
  it("is true of packages with Perl modules, whether compiled or not", () => {
    const shared = "0123  usr/share/doc/x\n4567  usr/lib/x86_64-linux-gnu/perl5/5.36/auto/Locale/gettext/gettext.so\n";
    expect(isLoadedByScripts(debWith(shared))).toBe(true);
    expect(isLoadedByScripts(debWith("0123  usr/share/perl5/Text/WrapI18N.pm\n"))).toBe(true);
  });

  it("is false of all others", () => {
    expect(isLoadedByScripts(debWith("0123  usr/share/doc/perl5/x\n4567  usr/lib/x86_64-linux-gnu/libx.so\n"))).toBe(
      false,
    );
    expect(isLoadedByScripts(debWith(undefined))).toBe(false);
  });
});
