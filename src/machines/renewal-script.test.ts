import { spawnSync } from "node:child_process";
import { expect, it } from "vitest";
import { hostKeyScript, type Renewal, renewalScript } from "./renewal-script.ts";

const RENEWAL: Renewal = {
  hostname: "web",
  fullName: "web.example.org",
  machineId: "0123456789abcdef0123456789abcdef",
  macs: [{ before: "52:54:00:12:34:56", now: "52:54:00:aa:bb:cc" }],
  epochSeconds: 1_700_000_000,
  seed: "c2VlZA==",
};
const KEY = {
  type: "ed25519",
  privateKey: "-----BEGIN\nsecret\n-----END\n",
  publicKey: "ssh-ed25519 AAAA root@web\n",
} as const;

it("is two halves that a shell can read, each by itself", () => {
  const second = { before: "52:54:00:12:34:57", now: "52:54:00:aa:bb:cd" };
  const texts = [
    renewalScript(RENEWAL),
    renewalScript({ ...RENEWAL, macs: [...RENEWAL.macs, second] }),
    renewalScript({ ...RENEWAL, macs: [] }),
    hostKeyScript([KEY]),
  ];
  for (const input of texts)
    expect(spawnSync("sh", ["-n"], { input, encoding: "utf8" })).toMatchObject({ status: 0, stderr: "" });
});

it("changes the addresses in settings only where several cards are told apart by them", () => {
  expect(renewalScript(RENEWAL)).not.toContain("sed -i");
  const second = { before: "52:54:00:12:34:57", now: "52:54:00:aa:bb:cd" };
  expect(renewalScript({ ...RENEWAL, macs: [...RENEWAL.macs, second] })).toContain(
    "sed -i -e s/52:54:00:12:34:56/52:54:00:aa:bb:cc/ -e s/52:54:00:12:34:57/52:54:00:aa:bb:cd/",
  );
});
