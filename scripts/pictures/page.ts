/**
 * Takes pictures of the web page in Chromium: a server of its own with real builds from the tests' small archive. Into docs/pictures.
 *
 *   node scripts/pictures/page.ts
 */
import { join } from "node:path";
import type { Page } from "playwright-core";
import { servePage } from "../../test/fixtures/served-page.ts";

const PICTURES = join(import.meta.dirname, "../../docs/pictures");
const WIDE = { width: 1280, height: 800 };
const PHONE = { width: 390, height: 780 };
const PASSWORD = "correct horse battery";
/** After what is typed last, the page waits before it asks for the plan. */
const SETTLED_MS = 1500;
const LONGEST_BUILD_MS = 120_000;

const served = await servePage();
try {
  const page = await served.visit({ viewport: WIDE, colorScheme: "light" });
  await page.goto(served.invitationUrl);
  await page.getByLabel("Password").fill(PASSWORD);
  await page.getByRole("button", { name: "Set the password" }).click();
  await page.getByRole("heading", { level: 1, name: "Images" }).waitFor();

  for (const name of ["db-01", "git-01"]) await build(page, name);
  await fillForm(page, "web-01");
  await page.waitForTimeout(SETTLED_MS);
  await page.getByText("Looking at what this needs").waitFor({ state: "hidden" });
  await page.getByText("root by password").waitFor();
  await page.getByText("cached").first().waitFor();
  await take(page, "page-new");
  await page.getByRole("button", { name: "Build this machine" }).click();
  await page.getByText("web-01 is ready").waitFor({ timeout: LONGEST_BUILD_MS });
  await take(page, "page-build");
  await page.emulateMedia({ colorScheme: "dark" });
  await open(page, "", "Images");
  await page.getByRole("link", { name: "web-01", exact: true }).waitFor();
  await take(page, "page-images");
  await page.emulateMedia({ colorScheme: "light" });
  await page.setViewportSize(PHONE);
  await page.getByRole("link", { name: "web-01", exact: true }).click();
  await page.getByRole("heading", { level: 1, name: "web-01" }).waitFor();
  await take(page, "page-phone");
} finally {
  await served.close();
}

async function build(page: Page, name: string): Promise<void> {
  await fillForm(page, name);
  await page.getByText("root by password").waitFor();
  await page.getByRole("button", { name: "Build this machine" }).click();
  await page.getByText(`${name} is ready`).waitFor({ timeout: LONGEST_BUILD_MS });
}

async function fillForm(page: Page, name: string): Promise<void> {
  await open(page, "new", "New machine");
  await page.getByLabel("Name of the machine", { exact: true }).fill(name);
  await page.getByLabel("Password of root", { exact: true }).fill("secret of the shop");
}

async function open(page: Page, place: string, title: string): Promise<void> {
  await page.goto(`${served.url}#/${place}`);
  await page.getByRole("heading", { level: 1, name: title }).waitFor();
}

/** When nothing moves any more. */
async function take(page: Page, name: string): Promise<void> {
  await page.evaluate("document.fonts.ready.then(() => window.scrollTo(0, 0))");
  await page.waitForTimeout(SETTLED_MS);
  await page.screenshot({ path: join(PICTURES, `${name}.png`), animations: "disabled" });
  console.log(`docs/pictures/${name}.png`);
}
