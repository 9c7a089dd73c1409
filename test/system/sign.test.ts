import { appendFile, copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { makeSigningKey } from "../fixtures/signing-key.ts";
import { run, vmbuilder } from "../fixtures/vmbuilder.ts";

let place: string;
let folder: string;
/** Two people with keys; the second is nobody that is trusted. */
let key: string;
let stranger: string;
const home = (name: string) => ({ GNUPGHOME: join(place, name, "gnupg") });
const at = (name: string) => join(folder, name);
const sums = () => run("sh", ["-c", 'cd "$1" && sha256sum --check --strict --quiet SHA256SUMS', "sh", folder]);

beforeAll(async () => {
  place = await mkdtemp("/tmp/vmb-s-"); // an agent listens below it, whose path must be short
  for (const name of ["me", "she"]) await makeSigningKey(join(place, name));
  key = join(place, "me/keyring.gpg");
  stranger = join(place, "she/keyring.gpg");
});
afterAll(async () => {
  for (const name of ["me", "she"]) await run("gpgconf", ["--homedir", home(name).GNUPGHOME, "--kill", "all"]);
  await rm(place, { recursive: true, force: true });
});
beforeEach(async () => {
  folder = await mkdtemp(join(place, "vm-"));
  await writeFile(at("web.qcow2"), "disk ".repeat(100_000));
  await writeFile(at("run.sh"), "#!/bin/sh\n");
  await writeFile(at(".identity.json"), "{}");
});

describe("a signed folder", () => {
  it("holds, by us, by sha256sum and by gpg; what is private is not listed", async () => {
    expect(await vmbuilder(["sign", folder, "--quiet"], home("me"))).toMatchObject({ status: 0, stderr: "" });
    expect(await readFile(at("SHA256SUMS"), "utf8")).toMatch(/^\w{64} {2}run\.sh\n\w{64} {2}web\.qcow2\n$/);
    expect(await sums()).toMatchObject({ status: 0, stdout: "" });
    const gpgv = await run("gpgv", ["--keyring", key, at("SHA256SUMS.asc"), at("SHA256SUMS")]);
    expect(gpgv).toMatchObject({ status: 0 });
    const fingerprint = /using \w+ key ([0-9A-F]{40})/.exec(gpgv.stderr)?.[1];
    const verified = await vmbuilder(["verify", folder, "--key", key]);
    expect(verified).toMatchObject({ status: 0, stdout: expect.stringContaining(`signed by ${fingerprint}`) });
    expect(verified.stdout).toContain("not listed: .identity.json");
    expect(await vmbuilder(["verify", folder, "-q"], home("me"))).toMatchObject({
      status: 0,
      stdout: "",
      stderr: expect.any(String),
    });
  });

  it("may be signed again, by an armored key too", async () => {
    const again = () => vmbuilder(["sign", folder, "--quiet"], home("me"));
    await again();
    await appendFile(at("run.sh"), "true\n");
    expect(await again()).toMatchObject({ status: 0 });
    const { stdout } = await run("gpg", ["--armor", "--export"], { ...process.env, ...home("me") });
    await writeFile(join(place, "armored.asc"), stdout);
    expect(await vmbuilder(["verify", folder, "--key", join(place, "armored.asc")])).toMatchObject({ status: 0 });
  });
});

/** What somebody does to a signed folder, and what is said of it. */
const FORGERIES: [what: string, forge: () => Promise<unknown>, args: () => string[], says: string][] = [
  ["a changed file", () => appendFile(at("web.qcow2"), "x"), () => ["--key", key], "web.qcow2: not what was signed"],
  ["a file less", () => rm(at("run.sh")), () => ["--key", key], "run.sh is missing"],
  ["a changed list", () => forgeList(), () => ["--key", key], "it was made for something else"],
  ["another's key", async () => {}, () => ["--key", stranger], "is not among the trusted ones"],
  [
    "a list signed anew by another",
    () => vmbuilder(["sign", folder], home("she")),
    () => ["--key", key],
    "is not among the trusted ones",
  ],
  ["no signature", () => rm(at("SHA256SUMS.asc")), () => ["--key", key], "is not signed"],
  ["no signature and no key", () => rm(at("SHA256SUMS.asc")), () => [], "is not signed"],
  [
    "nonsense as its signature",
    () => writeFile(at("SHA256SUMS.asc"), "hello"),
    () => ["--key", key],
    "the signature does not hold",
  ],
  ["no list", () => rm(at("SHA256SUMS")), () => ["--key", key], "has no SHA256SUMS"],
  [
    "names elsewhere",
    () => writeFile(at("SHA256SUMS"), `${"0".repeat(64)}  ../secret\n`),
    () => ["--unsigned"],
    "no list of checksums",
  ],
];

async function forgeList(): Promise<void> {
  await appendFile(at("web.qcow2"), "x");
  const { stdout } = await run("sh", ["-c", 'cd "$1" && sha256sum run.sh web.qcow2', "sh", folder]);
  await writeFile(at("SHA256SUMS"), stdout);
}

it.each(FORGERIES)("verify refuses %s in one line", async (_, forge, args, says) => {
  await vmbuilder(["sign", folder, "--quiet"], home("me"));
  await forge();
  const { status, stderr } = await vmbuilder(["verify", folder, "--quiet", ...args()], { GNUPGHOME: place });
  expect({ status, stderr }).toEqual({ status: 1, stderr: expect.stringContaining(says) });
  expect(stderr).toMatch(/^vmbuilder: error: .*\n {2}hint: /);
});

it("minisign signs and verifies, and by its own program too", async () => {
  const [secret, open] = [join(place, "mini.key"), join(place, "mini.pub")];
  await run("minisign", ["-G", "-W", "-s", secret, "-p", open]);
  expect(await vmbuilder(["sign", folder, "--quiet", "--minisign-key", secret])).toMatchObject({
    status: 0,
    stderr: "",
  });
  expect(await run("minisign", ["-V", "-q", "-p", open, "-m", at("SHA256SUMS")])).toMatchObject({ status: 0 });
  expect(await vmbuilder(["verify", folder, "--key", open, "--quiet"])).toMatchObject({ status: 0, stderr: "" });
  await forgeList();
  const forged = await vmbuilder(["verify", folder, "--key", open, "--quiet"]);
  expect(forged).toMatchObject({
    status: 1,
    stderr: expect.stringContaining("minisign says: Signature verification failed"),
  });
});

it("a machine that has run is not signed as what was built", async () => {
  const machine = join(folder, "machine");
  await mkdir(machine);
  await copyFile(at("web.qcow2"), join(machine, "web.qcow2"));
  await writeFile(
    join(machine, "build.json"),
    JSON.stringify({ vmbuilder: 1, artifacts: [{ name: "web.qcow2", sha256: "0".repeat(64) }] }),
  );
  expect(await vmbuilder(["sign", machine, "--quiet"], home("me"))).toMatchObject({
    status: 1,
    stderr: expect.stringContaining("web.qcow2 in"),
  });
});

it("no key to sign with is said in one line", async () => {
  const { status, stderr } = await vmbuilder(["sign", folder, "--quiet"], { GNUPGHOME: folder });
  expect({ status, stderr }).toEqual({
    status: 2,
    stderr: expect.stringMatching(/^vmbuilder: error: gpg has no key to sign with: .*\n {2}hint: .*\n$/),
  });
});
