import { createReadStream } from "node:fs";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type BootedMachine, bootMachine } from "../fixtures/booted-machine.ts";
import { openWorkshop, type Workshop } from "../fixtures/built-machine.ts";
import { makeSigningKey } from "../fixtures/signing-key.ts";
import { ubuntuArchive } from "../fixtures/ubuntu-archive.ts";
import { run } from "../fixtures/vmbuilder.ts";

const NEXT = "0.1.1~next";
const ARCHITECTURES = ["amd64", "arm64"] as const;
const API = "http://127.0.0.1:8642/vmbuilder/api";

let workshop: Workshop;
let packages: string[];
let directory: string;
let repository: Server;

/** Builds the packages and returns their paths. */
async function makePackages(name: string, version?: string): Promise<string[]> {
  const folder = join(directory, name);
  const env = { ...process.env, DEB_DIR: folder, ...(version === undefined ? {} : { DEB_VERSION: version }) };
  const made = await run("scripts/deb", [...ARCHITECTURES], env);
  expect(made.status, made.stderr).toBe(0);
  return (await readdir(folder)).map((file) => join(folder, file)).sort();
}

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "vmbuilder-deb-"));
  workshop = await openWorkshop();
  packages = await makePackages("now");
  await makePackages("next", NEXT);
  const key = await makeSigningKey(directory);
  const env = { ...process.env, DEB_DIR: join(directory, "next"), GNUPGHOME: join(directory, "gnupg") };
  const made = await run("scripts/repo", [key.fingerprint, join(directory, "repo")], env);
  expect(made.status, made.stderr).toBe(0);
  await run("gpgconf", ["--homedir", join(directory, "gnupg"), "--kill", "gpg-agent"]);
  repository = createServer((request, response) => {
    const file = createReadStream(join(directory, "repo", decodeURIComponent(request.url ?? "")));
    file.on("error", () => response.writeHead(404).end()).pipe(response);
  }).listen(0, "127.0.0.1");
});
afterAll(async () => {
  repository?.close();
  await workshop?.close();
  await rm(directory, { recursive: true, force: true });
});

test("the same commit gives the same bytes", async () => {
  const again = await makePackages("again");
  expect(again).toHaveLength(4);
  for (const [index, path] of again.entries())
    expect((await readFile(path)).equals(await readFile(packages[index] ?? ""))).toBe(true);
});

test("lintian has nothing to say that isn't overridden with a reason", async () => {
  const { stdout, status } = await run("lintian", ["--fail-on", "error,warning", ...packages]);
  expect({ status, stdout }).toEqual({ status: 0, stdout: "" });
});

/** Ubuntu's own archive is not at hand: one of its shape, and what vmbuilder needs beside it from Debian's. */
async function ubuntuOptions(): Promise<string[]> {
  const { mirror, keyring } = await ubuntuArchive();
  const folder = await workshop.build("debian");
  const { sources } = JSON.parse(await readFile(join(folder, "build.json"), "utf8"));
  const [{ uri, suites, keyring: debianKeyring }] = sources;
  const debian = `[signed-by=${debianKeyring}] ${uri} ${suites[0]} main`;
  return ["--distro", "ubuntu", "--mirror", mirror, "--keyring", keyring, "--repo", debian];
}

/** Where the packages are tried. */
interface Place {
  readonly name: string;
  readonly suite: string;
  readonly architecture: (typeof ARCHITECTURES)[number];
  /** Without Debian's archive, or with a processor that is emulated, a machine inside the machine is not for here. */
  readonly buildsMachine: boolean;
}

const PLACES: readonly Place[] = [
  { name: "bookworm", suite: "bookworm", architecture: "amd64", buildsMachine: true },
  { name: "trixie", suite: "trixie", architecture: "amd64", buildsMachine: true },
  { name: "noble", suite: "noble", architecture: "amd64", buildsMachine: false },
  { name: "arm", suite: "bookworm", architecture: "arm64", buildsMachine: false },
];

describe.each(PLACES)("on $name", ({ name, suite, architecture, buildsMachine }) => {
  let machine: BootedMachine;
  const fitting = () => packages.filter((path) => new RegExp(`_(all|${architecture})\\.deb$`).test(path));
  beforeAll(async () => {
    const wanted = [...fitting(), "curl", "man-db"].flatMap((one) => ["--addpkg", one]);
    const size = ["--rootsize", "12G", "--mem", "2048", "--cpus", "2"];
    const more = suite === "noble" ? await ubuntuOptions() : ["--arch", architecture];
    const folder = await workshop.build(name, "--suite", suite, ...more, ...wanted, ...size);
    const startScript = join(folder, "run.sh");
    const image = join(folder, `${name}.qcow2`);
    machine = await bootMachine({ image, startScript, key: workshop.key, deadlineMs: 20 * 60_000 });
    await machine.waitForSsh();
  });
  afterAll(() => machine?.stop());

  /** Copies files into /root/next. */
  const copyIn = async (paths: readonly string[]) => {
    const options = ["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null"].flatMap((option) => ["-o", option]);
    const copied = await run("scp", [
      "-q",
      "-P",
      String(machine.port),
      "-i",
      workshop.key,
      ...options,
      ...paths,
      "root@127.0.0.1:/root/next/",
    ]);
    expect(copied).toMatchObject({ status: 0 });
  };

  test("the packages are whole, and no unit has failed", async () => {
    expect(await machine.inside("systemctl is-system-running --wait || systemctl --failed --no-legend")).toBe(
      "running",
    );
    expect(
      await machine.inside(
        "for one in vmbuilder vmbuilder-web vmbuilder-node; do dpkg --audit $one; dpkg --verify $one; done",
      ),
    ).toBe("");
  });

  test("the command, its old name, its manual and its completion are there", async () => {
    expect(await machine.inside("vmbuilder --version")).toBe("0.1.0");
    expect(await machine.inside("man vmbuilder | head -n 1")).toMatch(/^VMBUILDER\(1\)/);
    expect(await machine.inside("ubuntu-vm-builder --help | head -n 1")).toContain("ubuntu-vm-builder");
    expect(await machine.inside("vmbuilder recipe ls | wc -l")).not.toBe("0");
    await machine.inside("bash -n /usr/share/bash-completion/completions/vmbuilder");
    await machine.inside("vmbuilder doctor");
  });

  test("the service answers on this machine alone, and its log has the first link", async () => {
    expect(await machine.inside("systemctl is-active vmbuilder-web")).toBe("active");
    expect(await machine.inside(`curl -fsS ${API}/healthz`)).toContain("ok");
    expect(await machine.inside("ss -Hltn 'sport = :8642'")).toContain("127.0.0.1:8642");
    expect(await machine.inside("grep -c '#/invitation/' /var/log/vmbuilder/web.log")).toBe("1");
    expect(await machine.inside("stat -c '%a %U' /var/lib/vmbuilder /var/log/vmbuilder")).toBe(
      "750 vmbuilder-web\n750 vmbuilder-web",
    );
  });

  test("it gives out a token", async () => {
    await machine.inside(
      "runuser -u vmbuilder-web -- vmbuilder token create --user admin --data-dir /var/lib/vmbuilder/server >/root/token",
    );
  });

  test.skipIf(!buildsMachine)("the service builds a machine within its sandbox", { timeout: 40 * 60_000 }, async () => {
    const ask = (...args: string[]) =>
      machine.inside(
        `curl -sS -H "Authorization: Bearer $(tail -n 1 /root/token)" ${args.map((one) => `'${one}'`).join(" ")}`,
      );
    const recipe = JSON.stringify({
      recipe: { hostname: "inner", suite, rootpass: "correct horse", variant: "minbase" },
    });
    const { id } = JSON.parse(await ask("-H", "Content-Type: application/json", "-d", recipe, `${API}/builds`));
    const state = async () => JSON.parse(await ask(`${API}/builds/${id}`)).state as string;
    let now = "queued";
    while (["queued", "running"].includes(now)) {
      await delay(5000);
      now = await state().catch((error: Error) => {
        if (!error.message.includes("timed out")) throw error;
        return now; // an emulated machine that builds can be too busy for ssh
      });
    }
    expect(now, await ask(`${API}/builds/${id}/log`)).toBe("succeeded");
    expect(JSON.parse(await ask(`${API}/images`)).items).toHaveLength(1);
  });

  test("an upgrade from the repository keeps data and settings", async () => {
    await machine.inside("sed -i 's/8642/8643/' /etc/vmbuilder/web.env && mkdir -p /root/next /etc/apt/keyrings");
    await copyIn([join(directory, "repo/vmbuilder.asc")]);
    const line = `deb [signed-by=/etc/apt/keyrings/vmbuilder.asc] http://10.0.2.2:${(repository.address() as AddressInfo).port} stable main`;
    await machine.inside(
      `install -m 644 /root/next/vmbuilder.asc /etc/apt/keyrings/ && echo '${line}' >/etc/apt/sources.list.d/vmbuilder.list`,
    );
    const only =
      "-o Dir::Etc::sourcelist=sources.list.d/vmbuilder.list -o Dir::Etc::sourceparts=- -o APT::Get::List-Cleanup=0";
    await machine.inside(`apt-get -qq update ${only}`);
    const names = "vmbuilder vmbuilder-web vmbuilder-node";
    await machine.inside(
      `DEBIAN_FRONTEND=noninteractive apt-get -qq -y install --only-upgrade ${names} >/dev/null 2>&1`,
    );
    expect(await machine.inside("vmbuilder --version; dpkg-query -W vmbuilder-web")).toContain(NEXT);
    expect(await machine.inside("systemctl is-active vmbuilder-web")).toBe("active");
    await machine.inside(
      "for i in $(seq 60); do curl -fsS http://127.0.0.1:8643/vmbuilder/api/healthz && break; sleep 1; done",
    );
    const images = await machine.inside(
      'curl -sS -H "Authorization: Bearer $(tail -n 1 /root/token)" http://127.0.0.1:8643/vmbuilder/api/images',
    );
    expect(JSON.parse(images).items).toHaveLength(buildsMachine ? 1 : 0);
  });

  test("removed, it leaves data and settings; purged, nothing but its user", async () => {
    await machine.inside("apt-get -qq -y remove vmbuilder vmbuilder-web vmbuilder-node >/dev/null 2>&1");
    expect(await machine.inside("command -v vmbuilder || echo none; ls /etc/vmbuilder; ls /var/lib/vmbuilder")).toBe(
      "none\nweb.env\nserver",
    );
    expect((await machine.ssh("pgrep -u vmbuilder-web")).stdout).toBe("");
    await machine.inside("apt-get -qq -y purge vmbuilder-web >/dev/null 2>&1");
    const lists = await Promise.all(
      fitting().map((path) => run("sh", ["-c", 'dpkg-deb --fsys-tarfile "$0" | tar -t', path])),
    );
    const files = lists
      .flatMap(({ stdout }) => stdout.split("\n"))
      .filter((path) => path !== "" && !path.endsWith("/"));
    expect(files.length).toBeGreaterThan(100);
    await writeFile(join(directory, "files"), files.map((path) => `${path.slice(1)}\n`).join(""));
    await copyIn([join(directory, "files")]);
    expect(
      await machine.inside('while read -r path; do [ ! -e "$path" ] || echo "$path"; done </root/next/files'),
    ).toBe("");
    const folders =
      "/etc/vmbuilder /usr/lib/vmbuilder /usr/share/vmbuilder /var/lib/vmbuilder /var/cache/vmbuilder-web /var/log/vmbuilder";
    expect(await machine.inside(`for path in ${folders}; do [ ! -e "$path" ] || echo "$path"; done`)).toBe("");
    expect(await machine.inside("systemctl --failed --no-legend")).toBe("");
  });
});
