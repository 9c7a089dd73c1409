import { expect, it } from "vitest";
import { parseState } from "./state.ts";

const SAID = `== system
Debian GNU/Linux 12 (bookworm)
bookworm
== kernel
6.1.0-40-amd64
== used
   812345344
== failed
broken.service
== packages
installed bc 1.07.1-3 amd64
config-files old 1 all
half-configured bad 2 all
half-installed worse  all
installed libc6 2.36-9+deb12u10 amd64
== hold
bc
== leftovers
/etc/z.dpkg-old
/etc/a.dpkg-dist
`;

it("reads what a machine says of itself", () => {
  expect(parseState(SAID)).toEqual({
    system: "Debian GNU/Linux 12 (bookworm)",
    codename: "bookworm",
    kernel: "6.1.0-40-amd64",
    usedBytes: 812345344,
    failedUnits: ["broken.service"],
    packages: [
      { name: "bc", version: "1.07.1-3", architecture: "amd64" },
      { name: "bad", version: "2", architecture: "all" },
      { name: "libc6", version: "2.36-9+deb12u10", architecture: "amd64" },
    ],
    onHold: ["bc"],
    leftovers: ["/etc/a.dpkg-dist", "/etc/z.dpkg-old"],
    unfinished: ["bad", "worse"],
  });
});
