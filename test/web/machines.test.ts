/**
 * Machines in the page: a real Chromium, the real server, a machine from a built image under a real qemu. What boots is a boot
 * sector instead of the system, which would take minutes without KVM. The tests stand in the order of a machine's life.
 */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { GREETING, writeBootSector } from "../fixtures/boot-sector.ts";
import { accessibilityViolations, type ServedPage, servePage } from "../fixtures/served-page.ts";
import { until } from "../fixtures/server.ts";

const PASSWORD = "correct horse battery";
const WIDE = { width: 1280, height: 900 };
/** Something stands on the screen: part of a channel of its canvas is light. */
const HAS_LIGHT_PIXELS = `(() => {
  const canvas = document.querySelector("[role=application]");
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  return data.some((value, index) => index % 4 < 3 && value > 100);
})()`;
const PHONE = { width: 360, height: 740 };

let served: ServedPage;
let page: Page;

beforeAll(async () => {
  served = await servePage();
  page = await served.visit({ viewport: WIDE, colorScheme: "light" });
  const ask = async (path: string, data?: unknown, csrf = "") => {
    const options = data === undefined ? {} : { data, headers: { "x-csrf-token": csrf } };
    const method = data === undefined ? "get" : "post";
    return (await page.request[method](`${served.url}api/${path}`, options)).json();
  };
  const token = served.invitationUrl.split("/").at(-1);
  const { csrfToken } = await ask("invitation", { token, password: PASSWORD });
  const { id } = await ask("builds", { recipe: { hostname: "web-01", rootpass: "test" } }, csrfToken);
  await until(async () => (await ask(`builds/${id}`)).state === "succeeded" || undefined);
});
afterAll(() => served?.close());

const button = (name: string | RegExp) => page.getByRole("button", { name, exact: true });
const tab = (name: string) => page.getByRole("tab", { name }).click();
const heading = (name: string) => page.getByRole("heading", { level: 1, name }).waitFor();
/** A dialog's button of the same name as the one that opened it. */
const confirm = async (name: string) => {
  await button(name).click();
  await page.getByRole("dialog").getByRole("button", { name, exact: true }).click();
};
const consoleText = () => page.locator(".xterm-rows").textContent();
const accessible = async () => {
  expect(await accessibilityViolations(page)).toEqual([]);
  expect(await page.evaluate("document.documentElement.scrollWidth - innerWidth")).toBeLessThanOrEqual(0);
};

describe("a machine", () => {
  it("is made from an image", async () => {
    await page.goto(`${served.url}#/`);
    await page.getByRole("link", { name: "web-01", exact: true }).click();
    await button("Run").click();
    await page.getByLabel("Name").fill("mine");
    await page.getByLabel("Memory in MiB").fill("128");
    await page.getByLabel("Start it at once").uncheck();
    await accessible();
    await button("Make the machine").click();
    await heading("mine");
    await page.getByText("The machine does not run.").waitFor();
    await accessible();
  });

  it("is started, and its console typed into", async () => {
    const id = new URL(page.url()).hash.split("/").at(-1) ?? "";
    const folder = join(served.folder, "data/machines/machines", id);
    const disk = (await readdir(folder)).find((name) => name.endsWith(".qcow2")) ?? "";
    await writeBootSector(join(folder, disk));
    await button("Start").click();
    await page.getByText("Connected. Press Enter").waitFor();
    await expect.poll(consoleText, { timeout: 20_000 }).toContain(GREETING.trim());
    await page.keyboard.type("hello");
    await expect.poll(consoleText).toContain("HELLO");
    await accessible();
    await page.keyboard.press("Control+]");
    expect(await page.evaluate("document.activeElement.textContent")).toBe("Console");
  });

  it("shows its screen", async () => {
    await page.keyboard.press("ArrowRight");
    await page.getByText("Connected; Ctrl").waitFor();
    await page.getByRole("application", { name: "Screen of mine" }).waitFor();
    const isDrawn = () => page.evaluate(HAS_LIGHT_PIXELS);
    await expect.poll(isDrawn).toBe(true);
    await accessible();
  });

  it("tells how to get in, and opens ports from the next start on", async () => {
    await tab("Connect");
    await page.getByText(/^ssh -p \d+ root@127\.0\.0\.1$/).waitFor();
    await page.getByLabel("Open ports of the machine").fill("80, no");
    await button("Save").click();
    await page.getByText('"no" is no port').waitFor();
    await page.getByLabel("Open ports of the machine").fill("80, 5432");
    await button("Save").click();
    await page.getByText("from its next start on").first().waitFor();
    await accessible();
  });

  it("goes back to a snapshot", async () => {
    await tab("Snapshots");
    await page.getByLabel("Name of a new snapshot").fill("before");
    await button("Take it").click();
    await page.getByText("with memory", { exact: true }).waitFor();
    await accessible();
    await page.getByRole("button", { name: "Go back to before" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Go back" }).click();
    await page.getByText("Going back").waitFor();
    await page.getByText("Running", { exact: true }).waitFor();
    await page.getByRole("button", { name: "Remove the snapshot before" }).click();
    await page.getByText("There is none yet.").waitFor();
  });

  it("is accessible and fits on a phone in the dark", async () => {
    await page.setViewportSize(PHONE);
    await page.emulateMedia({ colorScheme: "dark" });
    for (const name of ["Console", "Screen", "Connect", "Log", "Snapshots", "Tests"]) {
      await tab(name);
      await accessible();
    }
    await page.getByRole("link", { name: "Machines" }).first().click();
    await page.getByRole("button", { name: "Stop mine" }).waitFor();
    await accessible();
    await page.getByRole("link", { name: "mine", exact: true }).click();
    await page.setViewportSize(WIDE);
  });

  it("is switched off and removed", async () => {
    await heading("mine");
    await confirm("Switch off");
    await page.getByText("The machine does not run.").waitFor();
    await confirm("Remove");
    await heading("Machines");
    await page.getByText("No machines yet").waitFor();
  });
});
