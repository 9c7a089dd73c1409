import { describe, expect, it } from "vitest";
import type { TarItem } from "../../../system/tar-writer.ts";
import {
  emptyDatabase,
  infoFiles,
  infoName,
  triggerFiles,
  triggerInterests,
  type UnpackedPackage,
  unpackedStatus,
} from "./dpkg-database.ts";

function unpacked(
  fields: Record<string, string>,
  files: Record<string, string> = {},
  md5: Record<string, string> = {},
): UnpackedPackage {
  const controlFiles = Object.entries(files).map(
    ([name, content]) => [name, { content: Buffer.from(content), mode: 0o755, mtimeSeconds: 7 }] as const,
  );
  return {
    deb: {
      path: "",
      layout: {} as UnpackedPackage["deb"]["layout"],
      control: new Map(Object.entries(fields)),
      files: new Map(controlFiles),
    },
    paths: ["/.", "/usr", "/usr/file"],
    directories: new Set(["/.", "/usr"]),
    conffileMd5: new Map(Object.entries(md5)),
  };
}
const LIBRARY = { "Package": "libx", "Version": "1", "Architecture": "amd64", "Multi-Arch": "same" };
const content = (item: TarItem | undefined) => (item?.kind === "file" ? String(item.content) : undefined);

describe("infoName", () => {
  it("carries the architecture where several may be installed", () => {
    expect(infoName(new Map(Object.entries(LIBRARY)))).toBe("libx:amd64");
    expect(
      infoName(
        new Map([
          ["Package", "a"],
          ["Multi-Arch", "foreign"],
          ["Architecture", "amd64"],
        ]),
      ),
    ).toBe("a");
  });
});

describe("infoFiles", () => {
  it("are the list and the control files, with their modes and times", () => {
    const items = infoFiles(unpacked(LIBRARY, { postinst: "#!/bin/sh\n" }));
    expect(items.map(({ path }) => path)).toEqual([
      "/var/lib/dpkg/info/libx:amd64.list",
      "/var/lib/dpkg/info/libx:amd64.postinst",
    ]);
    expect(content(items[0])).toBe("/.\n/usr\n/usr/file\n");
    expect(items[1]).toMatchObject({ mode: 0o755, mtimeSeconds: 7 });
  });
});

describe("unpackedStatus", () => {
  it("begins with name and status, and keeps the other fields", () => {
    expect(unpackedStatus(unpacked({ Version: "1", Package: "a", Description: "short\n long" }))).toBe(
      "Package: a\nStatus: install ok unpacked\nVersion: 1\nDescription: short\n long\n",
    );
  });

  it("records conffiles with what they hold", () => {
    const conffiles = "/etc/a\n/etc/b\nremove-on-upgrade /etc/c\n\n";
    expect(unpackedStatus(unpacked({ Package: "a" }, { conffiles }, { "/etc/a": "0123" }))).toContain(
      "Conffiles:\n /etc/a 0123\n /etc/b newconffile\n",
    );
  });
});

describe("triggers", () => {
  const lines = [
    "# comment",
    "interest /usr/share/a",
    "interest-noawait /usr/share/b",
    "interest-await named",
    "activate other",
    "",
  ].join("\n");
  const one = unpacked({ Package: "one" }, { triggers: lines });

  it("are read with their kinds", () => {
    expect(triggerInterests(one.deb)).toEqual([
      { trigger: "/usr/share/a", noAwait: false },
      { trigger: "/usr/share/b", noAwait: true },
      { trigger: "named", noAwait: false },
    ]);
    expect(triggerInterests(unpacked({ Package: "none" }).deb)).toEqual([]);
  });

  it("are added to what others listen to already", () => {
    const two = unpacked({ ...LIBRARY }, { triggers: "interest named\n" });
    const items = triggerFiles([one, two], new Map([["named", "before\n"]]));
    const byPath = Object.fromEntries(items.map((item) => [item.path, content(item)]));
    expect(byPath).toEqual({
      "/var/lib/dpkg/triggers/File": "/usr/share/a one\n/usr/share/b one/noawait\n",
      "/var/lib/dpkg/triggers/named": "before\none\nlibx:amd64\n",
    });
  });
});

describe("emptyDatabase", () => {
  it("makes each folder before what is in it", () => {
    const made = new Set(["", "/"]);
    for (const item of emptyDatabase()) {
      expect(made).toContain(item.path.slice(0, item.path.lastIndexOf("/")));
      if (item.kind === "directory") made.add(item.path);
    }
  });
});
