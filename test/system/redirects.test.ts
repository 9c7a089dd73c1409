import { join } from "node:path";
import { expect, it } from "vitest";
import { run } from "../fixtures/vmbuilder.ts";

const PROBE = join(import.meta.dirname, "../fixtures/redirect-probe.ts");
const ADDRESSES = ["203.0.113.1/32", "10.9.9.9/32", "169.254.169.254/32"].map((one) => `ip addr add ${one} dev lo`);

it("a redirect never leads further inside than its own server stands", async () => {
  const script = ["ip link set lo up", ...ADDRESSES, 'exec "$0" "$1"'].join(" && ");
  const { stdout, stderr } = await run("unshare", ["-rn", "sh", "-c", script, process.execPath, PROBE]);
  expect(stdout, stderr).not.toBe("");
  const refused = "redirect-refused";
  expect(JSON.parse(stdout)).toEqual({
    ...{ "public 203.0.113.1": "public", "public 10.9.9.9": refused, "public 169.254.169.254": refused },
    ...{ "public 127.0.0.1": refused, "public localhost": refused },
    ...{ "private 203.0.113.1": "public", "private 10.9.9.9": "private", "private 169.254.169.254": refused },
    ...{ "private 127.0.0.1": refused, "private localhost": refused },
    ...{ "link 203.0.113.1": "public", "link 10.9.9.9": "private", "link 169.254.169.254": "link" },
    ...{ "link 127.0.0.1": refused, "link localhost": refused },
    ...{ "loopback 203.0.113.1": "public", "loopback 10.9.9.9": "private", "loopback 169.254.169.254": "link" },
    ...{ "loopback 127.0.0.1": "loopback", "loopback localhost": "loopback" },
    kept: refused,
  });
});
