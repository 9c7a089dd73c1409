/**
 * The whole circle of somebody who has no vmbuilder: the appliance is built, switched on, read from its console, and opened in a
 * real Chromium; a machine is built inside it from the form, downloaded, booted, and logged in to. Then a new appliance takes the
 * old one's data disk. The tests stand in this order. By software emulation alone, so that the times can be compared.
 */
import { appendFile, copyFile, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { bootMachine } from "../fixtures/booted-machine.ts";
import { type ConsoleMachine, startConsoleMachine } from "../fixtures/console-machine.ts";
import { TEST_CACHE } from "../fixtures/test-cache.ts";
import { run } from "../fixtures/vmbuilder.ts";

const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium-headless-shell";
const REPORTS = join(import.meta.dirname, "../../build/reports");
const PASSWORD = "correct horse battery";
const CONSOLE_PASSWORD = "Xq7-lorem-fence-42";
/** Beside qcow2, which everything else is done with. */
const FORMATS = ["ova", "vhdx", "vdi", "raw"];
const SLOW_MS = 120_000;
const BUILD_MS = 40 * 60_000;

let folder: string;
let appliance: ConsoleMachine;
let browser: Browser;
let page: Page;
let secondsToPage = 0;

const path = (name: string) => join(folder, name);
const address = () => `http://127.0.0.1:${appliance.ports[80]}/`;
const seconds = (sinceMs: number) => (performance.now() - sinceMs) / 1000;
const note = (what: string, value: string) => appendFile(join(REPORTS, "appliance.md"), `| ${what} | ${value} |\n`);
const shoot = (name: string) => page.screenshot({ path: join(REPORTS, `appliance-${name}.png`) });
const heading = (name: string) => page.getByRole("heading", { level: 1, name });

/** A disk of its own over one that was built, which stays as it is. `format` is qemu's name for that one's. */
async function overlay(name: string, base: string, format = "qcow2"): Promise<string> {
  const made = await run("qemu-img", ["create", "-q", "-f", "qcow2", "-F", format, "-b", base, path(name)]);
  expect(made, made.stderr).toMatchObject({ status: 0 });
  return path(name);
}

async function waitForPage(machine = appliance): Promise<number> {
  for (const end = Date.now() + 15 * 60_000; Date.now() < end; await delay(250)) {
    const asked = fetch(`http://127.0.0.1:${machine.ports[80]}/`, { signal: AbortSignal.timeout(5000) });
    const answer = await asked.catch(() => undefined);
    if (answer?.ok && (await answer.text()).includes("<title>vmbuilder")) return seconds(machine.startedAtMs);
  }
  throw new Error(`the page did not come; the console's end:\n${machine.shown().slice(-3000)}`);
}

/** Types a command at the console, where root is logged in, and waits for its end. @returns what the console showed meanwhile */
async function atConsole(command: string): Promise<string> {
  const before = appliance.shown().length;
  appliance.type(`${command}; echo en''d`);
  await appliance.waitFor(/\nend\n/, before);
  return appliance.shown().slice(before);
}

beforeAll(async () => {
  folder = await mkdtemp(join(process.env.VMBUILDER_TEST_WORK ?? tmpdir(), "vmbuilder-appliance-"));
  await mkdir(REPORTS, { recursive: true });
  await writeFile(join(REPORTS, "appliance.md"), "| what | value |\n|---|---:|\n");
  browser = await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox"] });
  await run("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", path("key")]);
  const startedAt = performance.now();
  const env = {
    ...process.env,
    APPLIANCE_DIR: path("built"),
    DEB_DIR: path("packages"),
    FORMATS: ["qcow2", ...FORMATS].join(" "),
  };
  const built = await run("scripts/appliance", ["--cache-dir", join(TEST_CACHE, "appliance")], env);
  expect(built.status, built.stderr).toBe(0);
  await note("build of the appliance", `${seconds(startedAt).toFixed(0)} s`);
  await note("system disk", `${((await stat(path("built/appliance.qcow2"))).size / 1e6).toFixed(0)} MB`);
  for (const format of FORMATS)
    await note(
      `system disk, ${format}`,
      `${(((await stat(path(`built/appliance.${format}`))).blocks / 2e3) * 1.024).toFixed(0)} MB`,
    );
  await note("data disk", `${((await stat(path("built/appliance-2.qcow2"))).size / 1e6).toFixed(0)} MB`);
  const system = await overlay("system.qcow2", path("built/appliance.qcow2"));
  await copyFile(path("built/appliance-2.qcow2"), path("data.qcow2"));
  appliance = await startConsoleMachine([system, path("data.qcow2")], [80, 443]);
});
afterAll(async () => {
  await browser?.close();
  await appliance?.stop();
  if (folder !== undefined) await rm(folder, { recursive: true, force: true });
});

it("shows its page, and says on the console where it is and how to log in", async () => {
  secondsToPage = await waitForPage();
  await note("switched on to the page", `${secondsToPage.toFixed(0)} s`);
  await appliance.waitFor(/http:\/\/10\.0\.2\.15\/#\/invitation\/\S+/);
  await appliance.waitFor(/https:\/\/10\.0\.2\.15\/#\/invitation\/\S+/);
  await appliance.waitFor(/Log in here as root, password [0-9a-f]{16};/);
  const printed = (await appliance.waitFor(/SHA-256 of the certificate:\n\s+([0-9A-F]{32})\n\s+([0-9A-F]{32})\n/))
    .slice(1)
    .join("");
  const asked = ["s_client", "-connect", `127.0.0.1:${appliance.ports[443]}`, "-showcerts"];
  await writeFile(path("certificate"), (await run("openssl", asked)).stdout);
  const { stdout } = await run("openssl", ["x509", "-in", path("certificate"), "-noout", "-fingerprint", "-sha256"]);
  expect(stdout.trim().split("=")[1]?.replaceAll(":", "")).toBe(printed);
  await writeFile(join(REPORTS, "appliance-console.txt"), appliance.shown());
});

it("is logged in to by the link, which the console then shows no more", async () => {
  const token = (await appliance.waitFor(/http:\/\/10\.0\.2\.15\/(#\/invitation\/\S+)/))[1];
  page = await (
    await browser.newContext({ viewport: { width: 1280, height: 900 }, reducedMotion: "reduce", acceptDownloads: true })
  ).newPage();
  page.setDefaultTimeout(SLOW_MS);
  await page.goto(`${address()}${token}`);
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await shoot("first-password");
  const before = appliance.shown().length;
  await page.getByRole("button", { name: "Set the password" }).click();
  await heading("Images").waitFor();
  await appliance.waitFor(/Web page: https:\/\/10\.0\.2\.15\/ or http:\/\/10\.0\.2\.15\//, before);
  expect(appliance.shown().slice(before)).not.toContain("#/invitation/");
});

it("lets root log in at the console by a password that works once", async () => {
  const first = (await appliance.waitFor(/Log in here as root, password (\S+);/))[1] ?? "";
  const answers = new Map([
    ["Password:", first],
    ["Current password:", first],
    ["New password:", CONSOLE_PASSWORD],
    ["Retype new password:", CONSOLE_PASSWORD],
  ]);
  let read = appliance.shown().length;
  appliance.type("root");
  for (;;) {
    const asked = await appliance.waitFor(
      /Current password:|Retype new password:|New password:|Password:|root@appliance:~#/,
      read,
    );
    read += asked.index + asked[0].length;
    const answer = answers.get(asked[0]);
    if (answer === undefined) break;
    expect(answers.delete(asked[0]), "asked twice").toBe(true);
    appliance.type(answer);
  }
  const state = "systemctl is-system-running --wait; systemctl --failed --no-legend; ls /root/first-password";
  const said = await atConsole(`${state}; vmbuilder server backup /root/b --data-dir /data/server`);
  expect(said).toContain("\nrunning\n");
  expect(said).toContain("No such file");
  expect(said).toContain("users: 1, profiles: 0, tokens: 0");
  expect(appliance.shown().slice(read)).not.toContain(first);
});

it("is brought up to date by its nightly update", { timeout: BUILD_MS }, async () => {
  const startedAt = performance.now();
  const said = await atConsole("systemctl start appliance-update; systemctl show --property=Result appliance-update");
  await note("nightly update, by hand", `${seconds(startedAt).toFixed(0)} s`);
  expect(said).toContain("\nResult=success\n");
  expect(
    await atConsole("systemctl is-active nginx vmbuilder-web; systemctl is-enabled appliance-update.timer"),
  ).toContain("\nactive\nactive\nenabled\n");
});

it("says another address on its console when it gets one", async () => {
  const card = "$(basename /sys/class/net/e*)";
  const change = `ip address add 10.0.2.16/24 dev ${card}; ip address delete 10.0.2.15/24 dev ${card}`;
  let read = appliance.shown().length;
  appliance.type(`systemd-run sh -c 'sleep 20; ${change}; sleep 60; networkctl reconfigure ${card}'; exit`);
  for (const shown of [/Web page: https:\/\/10\.0\.2\.16\//, /Web page: https:\/\/10\.0\.2\.15\//]) {
    const found = await appliance.waitFor(shown, read);
    read += found.index + found[0].length;
  }
  appliance.type("root");
  await appliance.waitFor(/Password:/, read);
  appliance.type(CONSOLE_PASSWORD);
  await appliance.waitFor(/root@appliance:~#/, read);
});

it("builds a machine from the form, which is downloaded, booted and logged in to", {
  timeout: 2 * BUILD_MS,
}, async () => {
  await page.goto(`${address()}#/new`);
  await page.getByRole("tab", { name: "Recipe" }).click();
  await page.getByLabel("Recipe as YAML").fill("variant: minbase\n");
  await page.getByRole("tab", { name: "Plan" }).click();
  await page.getByLabel("Name of the machine", { exact: true }).fill("inner");
  await page.getByLabel("SSH public keys of root", { exact: true }).fill(await readFile(path("key.pub"), "utf8"));
  await page.getByLabel("SSH public keys of root", { exact: true }).blur();
  await page.getByText("root.pub").first().waitFor();
  await page.getByText("root by ssh key").waitFor({ timeout: 10 * SLOW_MS });
  await shoot("form");
  const startedAt = performance.now();
  await page.getByRole("button", { name: "Build this machine" }).click();
  await heading("inner").waitFor();
  await page.getByRole("listitem").filter({ hasText: "Download packages" }).first().waitFor({ timeout: BUILD_MS });
  await delay(60_000);
  await shoot("build");
  await page.getByText("inner is ready").waitFor({ timeout: BUILD_MS });
  await note("build of a machine inside, emulated", `${seconds(startedAt).toFixed(0)} s`);
  await shoot("ready");
  const download = page.waitForEvent("download");
  await page
    .getByRole("link", { name: /^Download/ })
    .first()
    .click();
  await (await download).saveAs(path("inner.qcow2"));
  await note("that machine's disk", `${((await stat(path("inner.qcow2"))).size / 1e6).toFixed(0)} MB`);
  expect((await run("qemu-img", ["check", path("inner.qcow2")])).status).toBe(0);

  const before = appliance.shown().length;
  appliance.type("poweroff");
  await appliance.ended();
  expect(appliance.shown().slice(before)).toMatch(/Power down|System Power Off|power-off/i);

  const bootedAt = performance.now();
  const inner = await bootMachine({ image: path("inner.qcow2"), key: path("key"), deadlineMs: 15 * 60_000 });
  try {
    await inner.waitForSsh();
    const bare = seconds(bootedAt);
    await note("that machine switched on to ssh", `${bare.toFixed(0)} s`);
    await note("page, in boots of that machine", (secondsToPage / bare).toFixed(2));
    expect(await inner.inside("hostname; systemctl is-system-running --wait")).toBe("inner\nrunning");
  } finally {
    await inner.stop();
  }
});

it("a new system disk finds users and images on the old data disk", async () => {
  const system = await overlay("newer.qcow2", path("built/appliance.qcow2"));
  appliance = await startConsoleMachine([system, path("data.qcow2")], [80, 443]);
  await waitForPage();
  await appliance.waitFor(/Web page: https:\/\/10\.0\.2\.15\//);
  expect(appliance.shown()).not.toContain("#/invitation/");
  const [other] = [await (await browser.newContext()).newPage()];
  other.setDefaultTimeout(SLOW_MS);
  await other.goto(address());
  await other.getByLabel("Name").fill("admin");
  await other.getByLabel("Password").fill(PASSWORD);
  await other.getByRole("button", { name: "Log in" }).click();
  await other.getByRole("link", { name: "inner", exact: true }).waitFor();
});

it.each(FORMATS)("starts from its %s too", { timeout: BUILD_MS }, async (format) => {
  let disks = [path(`built/appliance.${format}`), path(`built/appliance-2.${format}`)];
  if (format === "ova") {
    await mkdir(path("ova"));
    expect(await run("tar", ["-xf", path("built/appliance.ova"), "-C", path("ova")])).toMatchObject({ status: 0 });
    disks = (await readdir(path("ova"))).filter((name) => name.endsWith(".vmdk")).map((name) => path(`ova/${name}`));
    disks.sort((a, b) => Number(a.includes("-2")) - Number(b.includes("-2")));
  }
  const driver = format === "ova" ? "vmdk" : format;
  const own = await Promise.all(disks.map((disk, index) => overlay(`${format}-${index}.qcow2`, disk, driver)));
  const machine = await startConsoleMachine(own, [80]);
  try {
    await note(`switched on to the page, ${format}`, `${(await waitForPage(machine)).toFixed(0)} s`);
    await machine.waitFor(/http:\/\/10\.0\.2\.15\/#\/invitation\/\S+/);
  } finally {
    await machine.stop();
  }
});
