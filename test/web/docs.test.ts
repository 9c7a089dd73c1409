/** The documentation in a real Chromium: from a folder, and by the server. */
import { pathToFileURL } from "node:url";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildDocsSite, type DocsSite } from "../fixtures/docs-site.ts";
import { accessibilityViolations, CHROMIUM, type ServedPage, servePage } from "../fixtures/served-page.ts";

const PHONE = { width: 360, height: 740 };
const WIDE = { width: 1400, height: 900 };

let site: DocsSite;
let browser: Browser;
beforeAll(async () => {
  site = await buildDocsSite();
  browser = await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox"] });
});
afterAll(async () => {
  await browser?.close();
  await site?.close();
});

const address = (path: string) => `${pathToFileURL(site.folder)}/${path}`;

async function visit(options: Parameters<Browser["newPage"]>[0]): Promise<Page> {
  const page = await browser.newPage({ reducedMotion: "reduce", ...options });
  page.on("pageerror", (error) => {
    throw error;
  });
  return page;
}

describe("from a folder", () => {
  it.each([
    ["light", /./],
    ["dark", /^(index|tutorial|storage|recipe-keys|files|decisions)\.html$/], // each kind of page
  ] as const)("has no page with which axe finds fault, in %s", async (colorScheme, paths) => {
    const page = await visit({ viewport: WIDE, colorScheme });
    for (const path of [...site.pages.keys()].filter((name) => paths.test(name))) {
      await page.goto(address(path));
      expect(await accessibilityViolations(page), path).toEqual([]);
    }
    await page.close();
  });

  it("fits a phone: no page is wider, and axe finds no fault", async () => {
    const page = await visit({ viewport: PHONE });
    for (const path of site.pages.keys()) {
      await page.goto(address(path));
      expect(await page.evaluate("document.documentElement.scrollWidth"), path).toBeLessThanOrEqual(PHONE.width);
      if (/^(index|storage|recipe-keys)/.test(path)) expect(await accessibilityViolations(page), path).toEqual([]);
    }
    await page.getByRole("link", { name: "Contents", exact: true }).click();
    expect(await page.getByRole("link", { name: "Commands", exact: true }).first().isVisible()).toBe(true);
    await page.close();
  });

  it("finds words, by keyboard alone", async () => {
    const page = await visit({ viewport: WIDE });
    await page.goto(address("decisions/0020-machines.html"));
    await page.keyboard.press("/");
    await page.keyboard.type("subvolumes");
    await page
      .getByRole("link", { name: /xfs and btrfs/ })
      .first()
      .waitFor();
    expect(await accessibilityViolations(page)).toEqual([]);
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("ArrowUp");
    await page.keyboard.press("Enter");
    await page.waitForURL(/storage\.html/);

    await page.keyboard.press("/");
    await page.keyboard.type("zzzzqqqq");
    await page.getByText("Nothing about").waitFor();
    await page.keyboard.press("Escape");
    expect(await page.locator(".results").isHidden()).toBe(true);
    await page.close();
  });

  it("keeps a chosen theme from page to page", async () => {
    const page = await visit({ viewport: WIDE, colorScheme: "light" });
    await page.goto(address("index.html"));
    await page.getByRole("button", { name: /^Theme: system/ }).click();
    await page.getByRole("button", { name: /^Theme: light/ }).click();
    await page.goto(address("storage.html"));
    expect(await page.evaluate("getComputedStyle(document.body).colorScheme")).toBe("dark");
    await page.close();
  });

  it("is whole without scripts", async () => {
    const context = await browser.newContext({ javaScriptEnabled: false, viewport: WIDE });
    const page = await context.newPage();
    await page.goto(address("index.html"));
    expect(await page.getByRole("searchbox").isHidden()).toBe(true);
    await page.getByRole("link", { name: "Lay out disks" }).first().click();
    await page.getByRole("heading", { level: 1, name: "Storage" }).waitFor();
    await page.getByRole("link", { name: "Encrypted" }).first().click();
    await context.close();
  });
});

describe("by the server", () => {
  let served: ServedPage;
  beforeAll(async () => {
    served = await servePage();
  });
  afterAll(() => served?.close());

  it("stands below help/, without login, and can be searched", async () => {
    const page = await served.visit({ viewport: WIDE });
    const answer = await page.goto(new URL("help", served.url).href);
    expect(answer?.url()).toBe(new URL("help/", served.url).href);
    await page.getByRole("heading", { level: 1, name: "Make virtual machines, fast" }).waitFor();
    await page.keyboard.press("/");
    await page.keyboard.type("quota");
    await page.locator(".results a").first().waitFor();
    await page.context().close();
  });

  it("is linked from the page", async () => {
    const page = await served.visit({ viewport: WIDE });
    await page.goto(served.url);
    await page.getByRole("link", { name: "Documentation" }).click();
    await page.waitForURL(/help\/index\.html$/);
    await page.getByRole("heading", { level: 1 }).waitFor();
    await page.context().close();
  });

  it("gives no file from elsewhere", async () => {
    for (const path of [
      "help/%2e%2e/vmbuilder.mjs",
      "help/..%2fvmbuilder.mjs",
      "help/nothing.html",
      "help//etc/passwd",
    ])
      expect((await fetch(new URL(path, served.url))).status, path).toBe(404);
  });
});
