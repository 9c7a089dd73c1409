import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readDebootstrapScript, scriptMirror } from "./debootstrap-script.ts";

const SCRIPT = `
case $ARCH in
  amd64|i386)
	case $SUITE in
	  gutsy|hardy)
	default_mirror http://old.example.org/ubuntu
	  ;;
	  *)
	default_mirror http://mirror.example.org/ubuntu
	;;
	esac
	;;
  sparc)
	default_mirror http://sparc.example.org/ubuntu
	;;
  *)
	default_mirror http://ports.example.org/ubuntu-ports
	;;
esac
mirror_style release
case "$CODENAME" in
  hardy) rm -rf / ;;
esac
`;

describe("scriptMirror", () => {
  it.each([
    ["amd64", "hardy", "http://old.example.org/ubuntu"],
    ["i386", "noble", "http://mirror.example.org/ubuntu"],
    ["arm64", "hardy", "http://ports.example.org/ubuntu-ports"],
    ["sparc", "noble", "http://sparc.example.org/ubuntu"],
  ])("finds the mirror of %s %s", (ARCH, SUITE, mirror) => {
    expect(scriptMirror(SCRIPT, { ARCH, SUITE, CODENAME: SUITE })).toBe(mirror);
  });

  it("takes the first line outside of all cases, and finds nothing where nothing is", () => {
    expect(scriptMirror("default_mirror http://one.example.org/\ndefault_mirror http://two.example.org/", {})).toBe(
      "http://one.example.org/",
    );
    expect(
      scriptMirror('case $ARCH in\n arm64)\n default_mirror "http://a.example.org/x"\n;;\nesac', { ARCH: "x" }),
    ).toBe(undefined);
    expect(scriptMirror("", {})).toBeUndefined();
    expect(scriptMirror("esac\n;;\ncase $A in", { A: "__proto__" })).toBeUndefined();
  });
});

describe("readDebootstrapScript", () => {
  it("reads the first that is there", async () => {
    const directory = await mkdtemp(join(tmpdir(), "vmbuilder-scripts-"));
    try {
      await writeFile(join(directory, "jammy"), "jammy's");
      expect(await readDebootstrapScript(["noble", "jammy"], directory)).toBe("jammy's");
      expect(await readDebootstrapScript(["noble"], directory)).toBeUndefined();
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  });
});
