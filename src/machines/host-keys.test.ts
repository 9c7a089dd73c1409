import { expect, it } from "vitest";
import { makeHostKeys } from "./host-keys.ts";

it("makes a key of each kind, which names nobody of the host", async () => {
  const keys = await makeHostKeys("root@web");
  expect(keys.map(({ type, publicKey }) => [type, publicKey.split(" ")[0], publicKey.trim().split(" ")[2]])).toEqual([
    ["ed25519", "ssh-ed25519", "root@web"],
    ["ecdsa", "ecdsa-sha2-nistp256", "root@web"],
    ["rsa", "ssh-rsa", "root@web"],
  ]);
  for (const { privateKey } of keys) expect(privateKey).toMatch(/^-----BEGIN OPENSSH PRIVATE KEY-----\n/);
});
