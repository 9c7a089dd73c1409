/**
 * The page in a real Chromium, against the real server, with real builds from the tests' own repository. One server for
 * the whole file: the tests stand in the order in which a new server is used.
 */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openGuestDisk } from "../fixtures/guest-disk.ts";
import { accessibilityViolations, type ServedPage, servePage } from "../fixtures/served-page.ts";
import { run } from "../fixtures/vmbuilder.ts";

const PASSWORD = "correct horse battery";
const WIDE = { width: 1280, height: 900 };
const PHONE = { width: 360, height: 740 };
const BUILD_MS = 60_000;
const FIRST_PAINT = "performance.getEntriesByName('first-contentful-paint')[0]";
const FOCUSED = "document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent.trim()";

let served: ServedPage;
let page: Page;

beforeAll(async () => {
  served = await servePage();
  page = await served.visit({ viewport: WIDE, colorScheme: "light", acceptDownloads: true });
});
afterAll(() => served?.close());

const heading = (on: Page, name: string | RegExp) => on.getByRole("heading", { level: 1, name });
const open = async (place: string, title: string | RegExp, on = page) => {
  await on.goto(`${served.url}#/${place}`);
  await heading(on, title).waitFor();
};
const field = (label: string) => page.getByLabel(label, { exact: true });
const openRecipe = () => page.getByRole("tab", { name: "Recipe" }).click();
const openPlan = () => page.getByRole("tab", { name: "Plan" }).click();
const yaml = () => page.getByLabel("Recipe as YAML");
const buildButton = () => page.getByRole("button", { name: "Build this machine" });
/** The text of the element that a field is described by. */
const errorAt = (label: string) =>
  field(label).locator("xpath=ancestor::*[contains(@class,'has-error')][1]").locator(".field-error").textContent();

describe("the door", () => {
  it("lets the admin in by the one-time link, once", async () => {
    await page.goto(served.invitationUrl);
    await field("Password").fill(PASSWORD);
    await page.getByRole("button", { name: "Set the password" }).click();
    await heading(page, "Images").waitFor();
    await page.getByText("No images yet").waitFor();

    const stranger = await served.visit();
    await stranger.goto(served.invitationUrl);
    await stranger.getByLabel("Password").fill("another password");
    await stranger.getByRole("button", { name: "Set the password" }).click();
    await stranger.getByRole("alert").waitFor();
    await stranger.context().close();
  });

  it("refuses a wrong password, and says so", async () => {
    const stranger = await served.visit();
    await stranger.goto(served.url);
    await stranger.getByLabel("Name").fill("admin");
    await stranger.getByLabel("Password").fill("wrong password");
    await stranger.getByRole("button", { name: "Log in" }).click();
    expect(await stranger.getByRole("alert").textContent()).toMatch(/password/);
    expect(await accessibilityViolations(stranger)).toEqual([]);
    await stranger.getByLabel("Password").fill(PASSWORD);
    await stranger.getByRole("button", { name: "Log in" }).click();
    await heading(stranger, "Images").waitFor();
    await stranger.context().close();
  });
});

describe("the form", () => {
  it("explains wrong input at its field, in the plan, and at its line of the recipe", async () => {
    await open("new", "New machine");
    await field("Name of the machine").fill("web_01");
    await field("Disk size").fill("lots");
    await page.getByText("2 things aren't right yet").waitFor();
    expect(await errorAt("Name of the machine")).toContain('"web_01" is no host name');
    expect(await errorAt("Disk size")).toContain('"lots" is not a size');
    expect(await field("Name of the machine").getAttribute("aria-invalid")).toBe("true");
    await openRecipe();
    await page.getByText('Line 1: "web_01" is no host name').waitFor();

    await buildButton().click();
    expect(await page.evaluate("document.activeElement.matches('[aria-invalid]')")).toBe(true);
    expect(await accessibilityViolations(page)).toEqual([]);
  });

  it("keeps recipe and form the same, both ways, with remarks", async () => {
    await yaml().fill("# for the shop\nhostname: shop\nrootsize: 3G\naddpkg: [less]\n");
    await expect.poll(() => field("Name of the machine").inputValue()).toBe("shop");
    expect(await field("Disk size").inputValue()).toBe("3G");
    await page.getByRole("button", { name: "Remove less" }).click();
    await page.getByRole("button", { name: "10G" }).click();
    await field("Memory in MB").fill("2048");
    await expect.poll(() => yaml().inputValue()).toBe("# for the shop\nhostname: shop\nrootsize: 10G\nmem: 2048\n");

    await yaml().fill("hostname: [shop\n");
    await page.getByText(/Line \d of the recipe is not right yet/).waitFor();
    expect(await field("Name of the machine").inputValue()).toBe("shop");
    expect(await field("Name of the machine").isDisabled()).toBe(true);
  });

  it("offers every other key behind More options, and a file for keys that name one", async () => {
    await yaml().fill("hostname: shop\n");
    await page.getByText("More options").click();
    for (const label of ["Swap", "Time zone", "IPv4 address", "Scripts while building", "Further repositories"])
      await page.getByText(label, { exact: true }).first().waitFor();
    await field("Scripts of the first boot").fill("#!/bin/sh\ntrue\n");
    await field("Time zone").fill("Europe/Berlin");
    await expect
      .poll(() => yaml().inputValue())
      .toBe("hostname: shop\nfirstboot:\n  - firstboot.sh\ntimezone: Europe/Berlin\n");
    expect(await accessibilityViolations(page)).toEqual([]);
  });

  it("begins anew with a saved profile", async () => {
    await page.getByRole("button", { name: "Remove firstboot.sh" }).click();
    await page.getByRole("button", { name: "Save as profile" }).click();
    await page.getByRole("dialog").getByLabel("Name").fill("Shop in Berlin");
    await page.getByRole("dialog").getByRole("button", { name: "Save" }).click();
    await page.getByText("Saved as “Shop in Berlin”").waitFor();
    await page.getByRole("button", { name: "Start over" }).click();
    await open("profiles", "Profiles");
    await page.getByRole("link", { name: "Use Shop in Berlin" }).click();
    await page.getByText("From the profile “Shop in Berlin”.").waitFor();
    expect(await field("Name of the machine").inputValue()).toBe("shop");
  });

  it("begins with a ready recipe, whose files go with it", async () => {
    await page.getByLabel("Or begin with a ready recipe").selectOption("webserver");
    await page.getByText("Web server: nginx with TLS.").waitFor();
    expect(await field("Name of the machine").inputValue()).toBe("webserver");
    const checked = page.waitForResponse((response) => response.url().endsWith("/recipes/check"));
    await field("Name of the machine").fill("web-02");
    const answer = await checked;
    expect(Object.keys(answer.request().postDataJSON().files)).toContain("site.conf");
    expect(await answer.json()).toMatchObject({ isValid: true, problems: [] });
    await page.getByRole("button", { name: "Start over" }).click();
  });
});

describe("a build", () => {
  it("goes from the form over plan and live steps to a download that holds what was asked for", {
    timeout: 2 * BUILD_MS,
  }, async () => {
    await openRecipe();
    await yaml().fill("hostname: web-01\n");
    await openPlan();
    await page.getByText("Nobody could log in to this machine").waitFor();
    await field("Password of root").fill("secret of the shop");
    await page.getByText("root by password").waitFor();
    await page.getByText("cached").first().waitFor();
    await openRecipe();
    expect(await yaml().inputValue()).not.toContain("secret");

    await buildButton().click();
    await heading(page, "web-01").waitFor();
    await page.getByRole("listitem").filter({ hasText: "Write the result" }).waitFor({ timeout: BUILD_MS });
    await page.getByText("web-01 is ready").waitFor({ timeout: BUILD_MS });
    expect(await accessibilityViolations(page)).toEqual([]);

    const [download] = await Promise.all([
      page.waitForEvent("download"),
      page
        .getByRole("link", { name: /^Download/ })
        .first()
        .click(),
    ]);
    const disk = join(served.folder, "downloads/web-01.qcow2");
    await download.saveAs(disk);
    expect((await run("qemu-img", ["check", disk])).status).toBe(0);
    const guest = await openGuestDisk(disk);
    try {
      expect((await guest.read("/etc/hostname")).trim()).toBe("web-01");
      expect(await guest.read("/etc/shadow")).toMatch(/^root:\$/m);
    } finally {
      await guest.close();
    }
    await page.getByRole("link", { name: "All files" }).click();
    const sum = createHash("sha256")
      .update(await readFile(disk))
      .digest("hex");
    await page.getByText(`SHA-256 ${sum.slice(0, 12)}`).waitFor();
  });

  it("can be stopped", { timeout: BUILD_MS }, async () => {
    await open("new", "New machine");
    await openRecipe();
    await yaml().fill("hostname: stopped\nrootsize: 3G\n");
    await field("Password of root").fill("secret of the shop");
    await buildButton().click();
    await heading(page, "stopped").waitFor();
    await page.getByRole("button", { name: "Cancel" }).click();
    await page.getByText("This build was cancelled").waitFor();
    await open("builds", "Builds");
    await page.getByRole("link", { name: /stopped.*Cancelled/ }).waitFor();
  });
});

describe("the images", () => {
  it("are found, shared by a link, removed and brought back", async () => {
    await open("", "Images");
    await page.getByLabel("Search images").fill("nothing of that name");
    await page.getByText("Nothing matches").waitFor();
    await page.getByLabel("Search images").fill("web trixie");
    await page.getByRole("link", { name: "web-01", exact: true }).click();
    await page.getByRole("button", { name: "Make a link" }).click();
    const link = await page.locator(".shown code").textContent();
    expect((await fetch(String(link))).status).toBe(200);
    await page.getByRole("button", { name: "End it" }).click();
    await expect.poll(async () => (await fetch(String(link))).status).toBe(404);

    await page.getByRole("button", { name: "Remove", exact: true }).click();
    await page.getByText("web-01 was removed").waitFor();
    await page.getByText("1 image, still").waitFor();
    await page.getByRole("status").getByRole("button", { name: "Undo" }).click();
    await page.getByRole("link", { name: "web-01", exact: true }).waitFor();
  });

  it("are edited and built again from the recipe they came from", async () => {
    await page.getByRole("link", { name: "web-01", exact: true }).click();
    await page.getByRole("link", { name: "Edit and build" }).click();
    await page.getByText("As it was built before.").waitFor();
    expect(await field("Name of the machine").inputValue()).toBe("web-01");
  });

  it("are seen by others only when they are shared", async () => {
    await open("people", "People");
    await page.getByRole("button", { name: "Invite" }).click();
    await page.getByRole("dialog").getByLabel("Name").fill("mira");
    await page.getByRole("dialog").getByLabel("Role").selectOption("viewer");
    await page.getByRole("button", { name: "Make a link" }).click();
    const invitation = String(await page.locator(".shown code").textContent());
    await page.keyboard.press("Escape");

    const mira = await served.visit({ viewport: PHONE });
    await mira.goto(invitation);
    await mira.getByLabel("Password").fill("the password of mira");
    await mira.getByRole("button", { name: "Set the password" }).click();
    await mira.getByText("No images yet").waitFor();
    expect(await mira.getByRole("link", { name: "New" }).count()).toBe(0);

    await open("", "Images");
    await page.getByRole("link", { name: "web-01", exact: true }).click();
    await page.getByLabel("Everybody on this server may see and download it").check();
    await mira.getByRole("link", { name: "web-01", exact: true }).waitFor();
    expect(await mira.getByRole("button", { name: /Remove/ }).count()).toBe(0);
    await mira.context().close();
  });
});

describe("every place", () => {
  it.each([
    { theme: "light", viewport: WIDE },
    { theme: "dark", viewport: WIDE },
    { theme: "light", viewport: PHONE },
    { theme: "dark", viewport: PHONE },
  ] as const)("is accessible and fits: $theme, $viewport.width wide", async ({ theme, viewport }) => {
    await page.setViewportSize(viewport);
    await page.emulateMedia({ colorScheme: theme === "light" ? "dark" : "light" });
    await open("account", "admin");
    await page.getByLabel("Theme", { exact: true }).selectOption(theme);
    const places = {
      "": "Images",
      machines: "Machines",
      builds: "Builds",
      new: "New machine",
      profiles: "Profiles",
      storage: "Storage",
      people: "People",
      account: "admin",
    };
    for (const [place, title] of Object.entries(places)) {
      await open(place, title);
      await page.locator(".loading").waitFor({ state: "detached" });
      expect(await accessibilityViolations(page), place).toEqual([]);
      expect(await page.evaluate("document.documentElement.scrollWidth - innerWidth"), place).toBeLessThanOrEqual(0);
    }
    const ground = String(await page.evaluate("getComputedStyle(document.documentElement).backgroundColor"));
    const brightness = Math.max(...(ground.match(/\d+/g) ?? []).map(Number));
    expect(brightness > 127).toBe(theme === "light");
  });

  it("is reached by keyboard alone", async () => {
    await page.setViewportSize(WIDE);
    await open("", "Images");
    await page.getByLabel("Search images").waitFor();
    await page.keyboard.press("Tab");
    const reached = new Set<string>();
    for (let presses = 0; presses < 14; presses++) {
      reached.add(String(await page.evaluate(FOCUSED)));
      await page.keyboard.press("Tab");
    }
    expect([...reached]).toEqual(expect.arrayContaining(["Search images", "web-01"]));
  });
});

describe("what is sent", () => {
  it("is small and is on the screen at once", async () => {
    const folder = join(import.meta.dirname, "../../dist/web");
    const all = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".br"));
    const packed = all.filter((name) => !/\/(xterm|rfb)-/.test(name)); // consoles' own, loaded with the first
    expect(all.length - packed.length).toBe(3);
    const bytes = packed.reduce((sum, name) => sum + readFileSync(join(folder, name)).length, 0);
    expect(packed.length).toBeGreaterThan(5);
    expect(bytes).toBeLessThan(200_000);

    const fresh = await served.visit({ viewport: WIDE });
    await fresh.goto(served.url);
    await fresh.getByRole("button", { name: "Log in" }).waitFor();
    // The browser tells of a paint a moment after it.
    await expect.poll(() => fresh.evaluate(`${FIRST_PAINT} !== undefined`)).toBe(true);
    const paintMs = Number(await fresh.evaluate(`${FIRST_PAINT}.startTime`));
    expect(paintMs).toBeLessThan(1000);
    await fresh.context().close();
  });
});
