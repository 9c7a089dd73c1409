import { expect, it } from "vitest";
import { quoteForShell } from "./exec.ts";
import { readForwards } from "./port-forwards.ts";

const LISTING = `Hub -1 (net0):
  Protocol[State]    FD  Source Address  Port   Dest. Address  Port RecvQ SendQ
  TCP[HOST_FORWARD]  12       127.0.0.1 40321       10.0.2.15    22     0     0
  TCP[HOST_FORWARD]  13       127.0.0.1  8080       10.0.2.15    80     0     0
  UDP[236 sec]       14       10.0.2.15 33333         1.2.3.4   123     0     0`;

it("reads which ports lead where from qemu's list", () => {
  expect(readForwards(LISTING, { forwards: [{ host: 8080, guest: 80 }] })).toEqual({
    sshPort: 40321,
    forwards: [{ host: 8080, guest: 80 }],
  });
  expect(readForwards("", { forwards: [] })).toEqual({ forwards: [] });
});

it("quotes words for a shell, whatever they hold", () => {
  expect(["a-b", "", "it's", "$(x) y"].map(quoteForShell)).toEqual(["a-b", "''", "'it'\\''s'", "'$(x) y'"]);
});
