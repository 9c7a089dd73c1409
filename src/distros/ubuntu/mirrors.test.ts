import { describe, expect, it } from "vitest";
import { defaultMirrors, type MirrorKnowledge } from "./mirrors.ts";
import type { Suite } from "./suites.ts";

const SCRIPT = `case $ARCH in
  amd64)
	case $SUITE in
	  hardy|zesty)
	default_mirror http://old.example.org/ubuntu
	;;
	*)
	default_mirror http://mirror.example.org/ubuntu
	;;
	esac
	;;
  *)
	default_mirror http://ports.example.org/ubuntu-ports
	;;
esac
`;
const NOBODY: MirrorKnowledge = { hostSources: [], script: SCRIPT, hostArchitecture: "amd64" };
const both = (uri: string | undefined) => ({ main: uri, security: uri });
const suite = (codename: string, archivedAfter: string) => ({ codename, archivedAfter }) as Suite;
const NOBLE = suite("noble", "2036-04-29");
const TODAY = "2026-01-01";

describe("defaultMirrors", () => {
  it("takes the mirror that debootstrap names for the architecture, for updates of all kinds", () => {
    expect(defaultMirrors(NOBLE, "amd64", TODAY, NOBODY)).toEqual(both("http://mirror.example.org/ubuntu"));
    expect(defaultMirrors(NOBLE, "arm64", TODAY, NOBODY)).toEqual(both("http://ports.example.org/ubuntu-ports"));
  });

  it("looks for an old suite in the archive of those, whether debootstrap knows that it is old or not", () => {
    for (const old of [suite("zesty", "2018-01-13"), suite("mantic", "2024-07-11")])
      for (const architecture of ["amd64", "arm64"])
        expect(defaultMirrors(old, architecture, TODAY, NOBODY)).toEqual(both("http://old.example.org/ubuntu"));
  });

  it("takes the sources of a host that is an Ubuntu, for its own architecture", () => {
    const near = (host: string, ...suites: string[]) => ({
      uri: `http://${host}.example.org/ubuntu/`,
      suites,
      components: ["main"],
    });
    const hostSources = [
      { ...near("other", "noble"), uri: "http://other.example.org/packages" },
      near("security", "noble-security"),
      near("near", "noble", "noble-updates"),
    ];
    const host = { ...NOBODY, hostSources };
    expect(defaultMirrors(NOBLE, "amd64", TODAY, host)).toEqual({
      main: "http://near.example.org/ubuntu/",
      security: "http://security.example.org/ubuntu/",
    });
    expect(defaultMirrors(NOBLE, "arm64", TODAY, host)).toEqual(both("http://ports.example.org/ubuntu-ports"));
  });

  it("knows none without debootstrap", () => {
    expect(defaultMirrors(NOBLE, "amd64", TODAY, { ...NOBODY, script: undefined })).toEqual(both(undefined));
  });
});
