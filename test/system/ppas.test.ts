import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { guestSourceFiles } from "../../src/distros/packagers/apt/guest-sources.ts";
import { armorKeys } from "../fixtures/armor.ts";
import { EVERYTHING, failure, planTest, resolveAndFetch } from "../fixtures/attempt.ts";
import { type Mirror, openMirror, SUITE } from "../fixtures/mirror.ts";
import { makeSigningKey } from "../fixtures/signing-key.ts";

let directory: string;
let archive: Mirror;
let service: Mirror;
let host: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "vmb-ppa-"));
  archive = await openMirror([{ name: "base", control: { Priority: "required", Essential: "yes" } }]);
  service = await openMirror([{ name: "extra", control: { Depends: "base" } }]);
  host = service.url.replace("/debian", "");
  service.alias("/owner/tools/ubuntu", "/debian");
  await answer(service.key.fingerprint, service.key.keyring);
});

afterEach(async () => {
  await archive.close();
  await service.close();
  await rm(directory, { recursive: true, force: true });
});

/** What the service says of the archive and its key. */
async function answer(fingerprint: string | null, keyring: string): Promise<void> {
  const api = "/1.0/~owner/+archive/ubuntu/tools";
  const key = await readFile(await armorKeys(directory, keyring), "utf8");
  service.serve(api, Buffer.from(JSON.stringify({ name: "tools", signing_key_fingerprint: fingerprint })));
  service.serve(`${api}?ws.op=getSigningKeyData`, Buffer.from(JSON.stringify(key)));
}

async function attempt(recipe: object = {}) {
  const ppa = { ppa: "ppa:owner/tools", "ppa-archive": host, "ppa-api": host };
  const plan = await planTest({ ...archive.recipe, ...ppa, ...recipe }, { ...EVERYTHING, include: ["extra"] });
  return resolveAndFetch(plan, join(directory, "cache"));
}

test("a PPA gives packages of the machine's suite; its key is asked for once", async () => {
  const lock = await attempt();
  expect(lock.packages.map(({ name }) => name).sort()).toEqual(["base", "extra"]);
  expect(service.requests).toContain(`/owner/tools/ubuntu/dists/${SUITE}/InRelease`);
  const questions = () => service.requests.filter((path) => path.startsWith("/1.0/")).length;
  const asked = questions();
  expect(asked).toBe(2);
  await attempt();
  expect(questions()).toBe(asked);
});

test("a PPA whose signer changes is refused: its first key is pinned", async () => {
  await attempt();
  await mkdir(join(directory, "k"));
  const stranger = await makeSigningKey(join(directory, "k"));
  await answer(stranger.fingerprint, stranger.keyring);
  await service.release({ key: stranger, date: new Date(Date.now() + 1000) });
  expect((await failure(attempt())).code).toBe("release-untrusted");
});

test.each<[string, () => Promise<void>, object, string, string]>([
  [
    "a key of another fingerprint",
    () => answer("0".repeat(40), service.key.keyring),
    {},
    "key-unusable",
    "gives another key",
  ],
  ["no key", () => answer(null, service.key.keyring), {}, "key-unusable", "no signing key"],
  [
    "an answer that is none",
    async () => service.serve("/1.0/~owner/+archive/ubuntu/tools", Buffer.from("<html>")),
    {},
    "key-unusable",
    "does not answer",
  ],
  ["an owner that is unknown", async () => {}, { ppa: "nobody/tools" }, "mirror-not-a-repository", "nobody"],
  [
    "a service without https",
    async () => {},
    { "ppa-api": "http://api.example.org" },
    "recipe-invalid",
    "no https: address",
  ],
])("refused: %s", async (_, prepare, recipe, code, message) => {
  await prepare();
  const error = await failure(attempt(recipe));
  expect([error.code, error.message]).toEqual([code, expect.stringContaining(message)]);
});

test("a guest gets its file and its key", async () => {
  const source = {
    name: "ppa-owner-tools",
    uri: "https://ppa.example.org/owner/tools/ubuntu",
    suites: ["trixie"],
    components: ["main"],
  };
  const items = guestSourceFiles([{ ...source, keyring: "/host/ppa.gpg", keys: "AAAA" }], {
    file: "debian",
    keyring: "/k.gpg",
  });
  expect(items.map(({ path }) => path)).toContain("/etc/apt/keyrings/ppa-owner-tools.gpg");
});
