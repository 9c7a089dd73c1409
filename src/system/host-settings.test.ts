import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readHostSettings, readZoneNames } from "./host-settings.ts";

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "vmbuilder-host-"));
});
afterEach(() => rm(root, { recursive: true, force: true }));

async function host(files: Record<string, string>): Promise<void> {
  for (const [path, content] of Object.entries(files)) {
    await mkdir(join(root, dirname(path)), { recursive: true });
    await writeFile(join(root, path), content);
  }
}

describe("readHostSettings", () => {
  it("finds nothing on a host that says nothing", async () => {
    expect(await readHostSettings(root, {})).toEqual({});
  });

  it.each([
    [
      { "etc/locale.conf": "LANG=de_DE.UTF-8\n", "etc/default/locale": "LANG=fr_FR.UTF-8\n" },
      "de_DE.UTF-8",
      "/etc/locale.conf",
    ],
    [{ "etc/default/locale": '#  File\nLC_ALL=x\nLANG="en_US.utf8"\n' }, "en_US.UTF-8", "/etc/default/locale"],
    [{ "etc/default/locale": "#  File\n" }, "sr_RS.UTF-8@latin", "LANG"],
  ])("reads the locale of %j", async (files, value, from) => {
    await host(files);
    expect(await readHostSettings(root, { LANG: "sr_RS.UTF-8@latin" })).toEqual({ lang: { value, from } });
  });
  it.each(["C", "C.UTF-8", "POSIX", "de_DE", "de_DE.ISO-8859-1", "x'; rm -rf /", "../../etc"])(
    "leaves out the locale %s",
    async (lang) => {
      expect(await readHostSettings(root, { LANG: lang })).toEqual({});
    },
  );

  it("reads the time zone of the link, else of the file", async () => {
    await host({ "etc/timezone": "Europe/Berlin\n" });
    expect(await readHostSettings(root, {})).toEqual({ timezone: { value: "Europe/Berlin", from: "/etc/timezone" } });
    await symlink("../usr/share/zoneinfo/America/Argentina/Ushuaia", join(root, "etc/localtime"));
    expect(await readHostSettings(root, {})).toEqual({
      timezone: { value: "America/Argentina/Ushuaia", from: "/etc/localtime" },
    });
  });
  it("gives an outdated zone its name of today", async () => {
    await host({
      "etc/timezone": "US/Eastern\n",
      "usr/share/zoneinfo/tzdata.zi": "Z America/New_York -5 - EST\nL America/New_York US/Eastern\n",
    });
    expect((await readHostSettings(root, {})).timezone?.value).toBe("America/New_York");
    expect([...(await readZoneNames(root))]).toEqual(["America/New_York", "US/Eastern", "UTC", "Etc/UTC"]);
  });
  it.each(["../../etc/passwd", "/etc/passwd", "Europe/Ber lin", ""])("leaves out the zone %j", async (zone) => {
    await host({ "etc/timezone": zone });
    expect(await readHostSettings(root, {})).toEqual({});
  });

  it.each([
    [
      { "etc/default/keyboard": 'XKBMODEL="pc105"\nXKBLAYOUT="de"\nXKBVARIANT="nodeadkeys"\n' },
      "de:nodeadkeys",
      "/etc/default/keyboard",
    ],
    [{ "etc/default/keyboard": 'XKBLAYOUT="us,ru"\nXKBVARIANT=","\n' }, "us,ru", "/etc/default/keyboard"],
    [{ "etc/vconsole.conf": "KEYMAP=de-latin1-nodeadkeys\n" }, "de", "/etc/vconsole.conf"],
    [{ "etc/vconsole.conf": "KEYMAP=uk\nXKBLAYOUT=fr\n" }, "fr", "/etc/vconsole.conf"],
    [{ "etc/vconsole.conf": "KEYMAP=uk\n" }, "gb", "/etc/vconsole.conf"],
  ])("reads the keyboard of %j", async (files, value, from) => {
    await host(files);
    expect(await readHostSettings(root, {})).toEqual({ keymap: { value, from } });
  });
  it("leaves out a keyboard that is none", async () => {
    await host({ "etc/default/keyboard": 'XKBLAYOUT="$(reboot)"\n', "etc/vconsole.conf": "KEYMAP=dvorak\n" });
    expect(await readHostSettings(root, {})).toEqual({});
  });

  it("reads nothing when it shall not", async () => {
    await host({ "etc/timezone": "Europe/Berlin\n" });
    expect(await readHostSettings(root, { LANG: "de_DE.UTF-8", VMBUILDER_HOST_SETTINGS: "none" })).toEqual({});
  });
});
