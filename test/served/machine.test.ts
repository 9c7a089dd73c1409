/**
 * The whole way of somebody who never opens a terminal: an image, a machine of it that boots under the server, its console in a
 * real Chromium, in which one logs in and switches it off. Without KVM that takes minutes, so that CI boots a boot sector
 * instead (`test/web/machines.test.ts`).
 */
import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type ServedPage, servePage } from "../fixtures/served-page.ts";
import { until } from "../fixtures/server.ts";

const PASSWORD = "correct horse battery";
const BOOT_MS = 600_000;

let served: ServedPage;
let page: Page;

beforeAll(async () => {
  served = await servePage();
  page = await served.visit({ viewport: { width: 1280, height: 900 } });
  const token = served.invitationUrl.split("/").at(-1);
  const session = await page.request.post(`${served.url}api/invitation`, { data: { token, password: PASSWORD } });
  const headers = { "x-csrf-token": (await session.json()).csrfToken };
  const data = { recipe: { hostname: "web-01", rootpass: "test" } };
  const { id } = await (await page.request.post(`${served.url}api/builds`, { data, headers })).json();
  const stateOf = async () => (await (await page.request.get(`${served.url}api/builds/${id}`)).json()).state;
  await until(async () => (await stateOf()) === "succeeded" || undefined, 120_000);
});
afterAll(() => served?.close());

it("boots, is logged in to over its console, and switches itself off", async () => {
  await page.goto(`${served.url}#/`);
  await page.getByRole("link", { name: "web-01", exact: true }).click();
  await page.getByRole("button", { name: "Run", exact: true }).click();
  await page.getByLabel("Memory in MiB").fill("512");
  await page.getByRole("button", { name: "Make the machine" }).click();
  await page.getByText("Connected. Press Enter").waitFor();
  const shown = () => page.locator(".xterm-rows").textContent();
  await expect.poll(shown, { timeout: BOOT_MS, interval: 500 }).toContain("web-01 login:");
  await page.keyboard.type("root\n");
  await expect.poll(shown, { timeout: 60_000 }).toContain("Password:");
  await page.keyboard.type("test\n");
  await expect.poll(shown, { timeout: 60_000 }).toMatch(/root@web-01/);
  await page.keyboard.type("echo $((6 * 7)) is what $(hostname) says\n");
  await expect.poll(shown, { timeout: 60_000 }).toContain("42 is what web-01 says");
  await page.keyboard.type("systemctl poweroff\n");
  await page.getByText("It switched itself off").waitFor({ timeout: 120_000 });
  await page.getByRole("tab", { name: "Log" }).click();
  await page.getByText("42 is what web-01 says").waitFor();
});
