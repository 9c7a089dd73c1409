import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { signS3Request } from "../../src/system/s3-signature.ts";
import { freePort, untilListening } from "../fixtures/ports.ts";
import { run, vmbuilder } from "../fixtures/vmbuilder.ts";

let place: string;
let folder: string;
let server: Server;
let address: string;
/** What the server holds, and what it is to do with the next requests before it takes any. */
const stored = new Map<string, Buffer>();
const requests: IncomingMessage[] = [];
let faults: ((request: IncomingMessage, response: ServerResponse) => void)[] = [];

beforeAll(async () => {
  place = await mkdtemp(join(tmpdir(), "vmb-up-"));
  server = createServer(async (request, response) => {
    requests.push(request);
    const fault = request.method === "PUT" ? faults.shift() : undefined;
    if (fault) return fault(request, response);
    const path = decodeURIComponent(request.url ?? "");
    if (request.method === "HEAD") {
      const found = stored.get(path);
      return response.writeHead(found ? 200 : 404, { "content-length": found?.length ?? 0 }).end();
    }
    const pieces: Buffer[] = [];
    for await (const piece of request) pieces.push(piece as Buffer);
    stored.set(path, Buffer.concat(pieces));
    response.writeHead(201).end();
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(async () => {
  server.closeAllConnections();
  server.close();
  await rm(place, { recursive: true, force: true });
});
beforeEach(async () => {
  stored.clear();
  requests.length = 0;
  faults = [];
  folder = await mkdtemp(join(place, "vm-"));
  await writeFile(join(folder, "web.qcow2"), "disk ".repeat(1_000_000));
  await writeFile(join(folder, "web.vmx"), "settings");
  await writeFile(join(folder, "SHA256SUMS"), "sums");
  await writeFile(join(folder, ".identity.json"), "{}");
});

describe("by HTTP", () => {
  const upload = (env: Record<string, string> = {}) => vmbuilder(["upload", folder, `${address}/machines`], env);

  it("puts all but what is private, hashes last, and sends nothing twice", async () => {
    expect(await upload({ VMBUILDER_UPLOAD_TOKEN: "geheim" })).toMatchObject({
      status: 0,
      stdout: "3 files sent, 0 there already\n",
    });
    expect([...stored.keys()]).toEqual(["/machines/web.qcow2", "/machines/web.vmx", "/machines/SHA256SUMS"]);
    expect(stored.get("/machines/web.qcow2")).toEqual(await readFile(join(folder, "web.qcow2")));
    expect(requests[0]?.headers.authorization).toBe("Bearer geheim");
    expect(await upload()).toMatchObject({ stdout: "0 files sent, 3 there already\n" });
    await writeFile(join(folder, "web.vmx"), "Settings"); // as long as before
    stored.delete("/machines/SHA256SUMS");
    expect(await upload()).toMatchObject({ stdout: "2 files sent, 1 there already\n" });
    expect(stored.get("/machines/web.vmx")?.toString()).toBe("Settings");
  });

  it("tries again what broke, and goes on after what failed for good", async () => {
    faults = [
      (request) => request.once("data", () => request.socket.destroy()),
      (_, response) => response.writeHead(503).end(),
    ];
    expect(await upload()).toMatchObject({ status: 0 });
    expect(stored.get("/machines/web.qcow2")).toHaveLength(5_000_000);
    await writeFile(join(folder, "web.vmx"), "other");
    await writeFile(join(folder, "SHA256SUMS"), "other");
    faults = [
      (request, response) => void request.resume().once("end", () => response.writeHead(201).end()),
      (_, response) => response.writeHead(403).end(),
    ];
    const refused = await vmbuilder(["upload", folder, `${address.replace("//", "//me:geheim@")}/machines`, "--quiet"]);
    expect(refused).toMatchObject({
      status: 1,
      stderr: expect.stringContaining("/machines/SHA256SUMS: the server answers 403"),
    });
    expect(refused.stderr).not.toContain("geheim");
    stored.set("/machines/web.vmx", Buffer.from("other"));
    expect(await upload()).toMatchObject({ status: 0, stdout: "1 files sent, 2 there already\n" });
  });
});

describe("to S3", () => {
  it.each(["", "?partNumber=2&uploadId=a%2Fb%3D"])("is signed as curl signs it, with the query %j", async (query) => {
    const file = join(folder, "web.vmx");
    const sha256 = createHash("sha256").update("settings").digest("hex");
    const credentials = {
      accessKey: "AKIDEXAMPLE",
      secretKey: "wJalrXUtnFEMI+bPxRfiCYEXAMPLEKEY",
      sessionToken: undefined,
      region: "eu-west-1",
    };
    const url = `${address}/bucket/a%20b/web.vmx${query}`;
    const user = `${credentials.accessKey}:${credentials.secretKey}`;
    const headers = ["-H", `x-amz-content-sha256: ${sha256}`];
    const curl = await run("curl", [
      "-sS",
      "-T",
      file,
      "--aws-sigv4",
      `aws:amz:${credentials.region}:s3`,
      "--user",
      user,
      ...headers,
      url,
    ]);
    expect(curl).toMatchObject({ status: 0, stderr: "" });
    const { authorization, "x-amz-date": time } = requests[0]?.headers ?? {};
    const at = new Date(String(time).replace(/^(....)(..)(..)T(..)(..)(..)Z$/, "$1-$2-$3T$4:$5:$6Z"));
    const ours = signS3Request({ method: "PUT", url: new URL(url), sha256, at }, credentials);
    expect(ours.authorization?.replaceAll(" ", "")).toBe(authorization?.replaceAll(" ", ""));
  });

  it("goes into the bucket, with its hash, which the service compares", async () => {
    const env = { AWS_ACCESS_KEY_ID: "id", AWS_SECRET_ACCESS_KEY: "secret", AWS_ENDPOINT_URL: address };
    expect(await vmbuilder(["upload", folder, "s3://images/debian", "-q"], env)).toMatchObject({
      status: 0,
      stderr: "",
    });
    expect([...stored.keys()][0]).toBe("/images/debian/web.qcow2");
    const sent = requests.find(({ method, url }) => method === "PUT" && url?.endsWith("web.qcow2"));
    const sha256 = createHash("sha256")
      .update(stored.get("/images/debian/web.qcow2") ?? "")
      .digest("hex");
    expect(sent?.headers["x-amz-content-sha256"]).toBe(sha256);
    expect(await vmbuilder(["upload", folder, "s3://images"])).toMatchObject({
      status: 2,
      stderr: expect.stringContaining("AWS_ENDPOINT_URL"),
    });
  });
});

describe("by sftp", () => {
  let sshd: ChildProcess;
  let port: number;
  let home: string;

  beforeAll(async () => {
    home = join(place, "home");
    await mkdir(join(home, ".ssh"), { recursive: true, mode: 0o700 });
    const [hostKey, key] = [join(place, "host"), join(home, ".ssh/id_ed25519")];
    for (const path of [hostKey, key]) await run("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", path]);
    port = await freePort();
    const known = await readFile(`${hostKey}.pub`, "utf8");
    await writeFile(join(place, "known"), `[127.0.0.1]:${port} ${known}`);
    const settings = [
      `Port ${port}`,
      "ListenAddress 127.0.0.1",
      `HostKey ${hostKey}`,
      `AuthorizedKeysFile ${key}.pub`,
      "StrictModes no",
      "UsePAM no",
      "PidFile none",
      "PermitRootLogin yes",
      "Subsystem sftp internal-sftp",
    ];
    await writeFile(join(place, "sshd_config"), `${settings.join("\n")}\n`);
    await mkdir("/run/sshd", { recursive: true });
    sshd = spawn("/usr/sbin/sshd", ["-D", "-e", "-f", join(place, "sshd_config")], { stdio: "ignore" });
    const client = ["Host 127.0.0.1", `  IdentityFile ${key}`, `  UserKnownHostsFile ${join(place, "known")}`];
    await writeFile(join(home, ".ssh/config"), `${client.join("\n")}\n`, { mode: 0o600 });
    await untilListening(port);
  });
  afterAll(() => {
    sshd?.kill();
  });

  it("puts all but what is private, and continues a part of the same content", async () => {
    const target = join(place, "remote place");
    const uri = `sftp://${userInfo().username}@127.0.0.1:${port}${encodeURI(target)}`;
    const sftp = () => vmbuilder(["upload", folder, uri, "--ssh-config", join(home, ".ssh/config")]);
    await mkdir(target);
    const content = await readFile(join(folder, "web.qcow2"));
    const part = join(target, `.web.qcow2.${createHash("sha256").update(content).digest("hex").slice(0, 16)}.part`);
    await writeFile(part, content.subarray(0, 2_000_000));
    const { ino } = await stat(part);
    expect(await sftp()).toMatchObject({ status: 0, stdout: "3 files sent, 0 there already\n" });
    expect((await readdir(target)).sort()).toEqual(["SHA256SUMS", "web.qcow2", "web.vmx"]);
    expect(await readFile(join(target, "web.qcow2"))).toEqual(content);
    expect((await stat(join(target, "web.qcow2"))).ino).toBe(ino);
    await truncate(join(folder, "web.vmx"), 2);
    expect(await sftp()).toMatchObject({ status: 0, stdout: "1 files sent, 2 there already\n" });
    expect(await readFile(join(target, "web.vmx"), "utf8")).toBe("se");
  });

  it("says in one line what ssh says", async () => {
    const { status, stderr } = await vmbuilder(["upload", folder, "sftp://127.0.0.1:1/x", "-q"]);
    expect({ status, stderr }).toEqual({
      status: 1,
      stderr: expect.stringMatching(/Connection refused|Connection closed/),
    });
  });
});
