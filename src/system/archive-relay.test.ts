import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type ArchiveRelay, hostAddress, openArchiveRelay } from "./archive-relay.ts";

const GUEST = "http://mirror.example.org/debian";

describe("hostAddress", () => {
  const addresses = [
    { guest: GUEST, host: "file:///srv/debian" },
    { guest: "http://security.example.org/debian-security/", host: "https://near.example.org/s" },
  ];
  it.each([
    [`${GUEST}/dists/a`, "file:///srv/debian/dists/a"],
    ["http://security.example.org/debian-security/x?y", "https://near.example.org/s/x?y"],
    ["http://mirror.example.org/other/x", "http://mirror.example.org/other/x"],
    [`${GUEST}/../../etc/passwd`, "http://mirror.example.org/etc/passwd"],
    ["http://elsewhere.example.org/debian/x", undefined],
    ["https://mirror.example.org/debian/x", undefined],
    ["/debian/x", undefined],
  ])("of %s is %s", (asked, found) => expect(hostAddress(asked, addresses)?.href).toBe(found));
});

describe("openArchiveRelay", () => {
  let directory: string;
  let relay: ArchiveRelay;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "vmb-relay-"));
    await writeFile(join(directory, "InRelease"), "signed");
    relay = await openArchiveRelay([{ guest: GUEST, host: pathToFileURL(directory).href }]);
  });
  afterAll(async () => {
    await relay?.close();
    await rm(directory, { recursive: true });
  });
  const ask = (path: string) =>
    new Promise<{ status: number | undefined; text: string }>((resolve, reject) => {
      const asked = request({ port: relay.port, path, agent: false }, (answer) => {
        let text = "";
        answer.on("data", (data) => (text += data)).on("end", () => resolve({ status: answer.statusCode, text }));
      });
      asked.on("error", reject).end();
    });

  it("gives what lies in the archive's folder, and nothing else", async () => {
    expect(await ask(`${GUEST}/InRelease`)).toEqual({ status: 200, text: "signed" });
    expect((await ask(`${GUEST}/nothing`)).status).toBe(404);
    expect((await ask(`${GUEST}/..%2f..%2fetc/passwd`)).status).toBe(502);
    expect((await ask("http://elsewhere.example.org/")).status).toBe(403);
  });

  it("reads from another server, as what it is", async () => {
    const other = await openArchiveRelay([
      { guest: "http://x.example.org/a", host: `http://127.0.0.1:${relay.port}/b` },
    ]);
    try {
      // the first relay is a server here, and refuses what is asked of it as of no proxy
      const { status } = await new Promise<{ status: number | undefined }>((resolve, reject) => {
        request({ port: other.port, path: "http://x.example.org/a/f", agent: false }, (answer) => {
          answer.resume().on("end", () => resolve({ status: answer.statusCode }));
        })
          .on("error", reject)
          .end();
      });
      expect(status).toBe(403);
    } finally {
      await other.close();
    }
  });
});
