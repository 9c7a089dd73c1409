import { randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type S3Service, startS3Service } from "../fixtures/s3-service.ts";
import { vmbuilder } from "../fixtures/vmbuilder.ts";

const MIB = 1024 * 1024;
const PATH = "/images/debian/web.raw";

let service: S3Service;
let folder: string;
beforeEach(async () => {
  service = await startS3Service();
  folder = await mkdtemp(join(tmpdir(), "vmb-parts-"));
  await writeFile(join(folder, "web.raw"), randomBytes(84 * MIB));
});
afterEach(async () => {
  await service[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

const env = () => ({ AWS_ACCESS_KEY_ID: "id", AWS_SECRET_ACCESS_KEY: "secret", AWS_ENDPOINT_URL: service.address });
const upload = () => vmbuilder(["upload", folder, "s3://images/debian"], env());
const countOf = (request: string) => service.requests.filter((one) => one === request).length;
const PART = "PUT partNumber uploadId";

/** Refuses every request for a part from the third on. */
async function breakOff(): Promise<void> {
  let parts = 0;
  service.fault = (request, response) => {
    if (request.method !== "PUT" || ++parts <= 2) return false;
    request.resume().once("end", () => response.writeHead(403).end());
    return true;
  };
  expect(await upload()).toMatchObject({
    status: 1,
    stderr: expect.stringContaining(`${PATH}: the server answers 403`),
  });
  service.fault = () => false;
  service.requests.length = 0;
}

describe("a large file for S3", () => {
  it("goes in parts, and once", async () => {
    expect(await upload()).toMatchObject({ status: 0, stdout: "1 files sent, 0 there already\n" });
    expect(countOf(PART)).toBe(6);
    expect(service.stored.get(PATH)?.equals(await readFile(join(folder, "web.raw")))).toBe(true);
    expect(service.uploads.size).toBe(0);
    expect(await upload()).toMatchObject({ status: 0, stdout: "0 files sent, 1 there already\n" });
  });

  it("goes on after what has arrived", async () => {
    await breakOff();
    const [kept] = service.uploads.values();
    const arrived = kept?.parts.size ?? 0;
    expect(arrived).toBeGreaterThan(0);
    expect(await upload()).toMatchObject({ status: 0 });
    expect(countOf("POST uploads")).toBe(0);
    expect(countOf(PART)).toBe(6 - arrived);
    expect(service.stored.get(PATH)?.equals(await readFile(join(folder, "web.raw")))).toBe(true);
  });

  it("begins anew when it has changed, and gives up what was begun", async () => {
    await breakOff();
    await writeFile(join(folder, "web.raw"), randomBytes(40 * MIB));
    expect(await upload()).toMatchObject({ status: 0 });
    expect(service.requests.filter((one) => one !== PART)).toEqual([
      "DELETE uploadId",
      "POST uploads",
      "POST uploadId",
    ]);
    expect(service.uploads.size).toBe(0);
    expect(service.stored.get(PATH)?.length).toBe(40 * MIB);
  });

  it("begins anew when the service has forgotten what was begun", async () => {
    await breakOff();
    service.uploads.clear();
    expect(await upload()).toMatchObject({ status: 0 });
    expect(countOf(PART)).toBe(6);
  });

  it("survives a busy service, broken connections and a lost last answer", async () => {
    let requests = 0;
    service.fault = (request, response) => {
      requests++;
      if (requests === 2) response.writeHead(503).end();
      else if (requests === 4) request.once("data", () => request.socket.destroy());
      else return false;
      return true;
    };
    expect(await upload()).toMatchObject({ status: 0 });
    expect(service.stored.get(PATH)?.equals(await readFile(join(folder, "web.raw")))).toBe(true);
  });

  it("is no success when the service answers 200 and an error", async () => {
    service.fault = (request, response) => {
      if (request.method !== "POST" || request.url?.endsWith("?uploads=")) return false;
      request.resume().once("end", () => response.end("<Error><Code>InternalError</Code></Error>"));
      return true;
    };
    const { status, stderr } = await upload();
    expect({ status, stderr }).toEqual({
      status: 1,
      stderr: expect.stringContaining("the service answers InternalError"),
    });
    expect(service.stored.size).toBe(0);
  });
});
