/** Logging in by an OpenID Connect issuer, in a real Chromium: there and back, out again, and what goes wrong. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { CLIENT, startIssuer, type TestIssuer } from "../fixtures/oidc-issuer.ts";
import { accessibilityViolations, type ServedPage, servePage } from "../fixtures/served-page.ts";

let issuer: TestIssuer;
let served: ServedPage;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "vmb-login-"));
  await writeFile(join(folder, "secret"), CLIENT.secret, { mode: 0o600 });
  issuer = await startIssuer();
  served = await servePage([
    ...["--oidc-issuer", issuer.url, "--oidc-client-id", CLIENT.id, "--oidc-secret-file", join(folder, "secret")],
    ...["--oidc-title", "Example Ltd", "--oidc-role", "builder=makers"],
  ]);
});
afterAll(async () => {
  await served?.close();
  await issuer?.stop();
  await rm(folder, { recursive: true, force: true });
});

it("one button leads there and back; logging out leads there, too", async () => {
  issuer.next = { sub: "s-1", claims: { preferred_username: "zoe", groups: ["makers"] } };
  const page = await served.visit({ viewport: { width: 1280, height: 900 } });
  await page.goto(served.url);
  const button = page.getByRole("link", { name: "Log in with Example Ltd" });
  await button.waitFor();
  expect(await accessibilityViolations(page)).toEqual([]);
  await button.click();
  await page.getByRole("heading", { level: 1, name: "Images" }).waitFor();
  await page.goto(`${served.url}#/account`);
  await page.getByText("You are a builder here.").waitFor();
  await page.getByText("you log in by another service").waitFor();
  await page.getByRole("button", { name: "Log out" }).click();
  await page.getByText("logged out there").waitFor();
  await page.goto(served.url);
  await page.getByRole("button", { name: "Log in", exact: true }).waitFor();

  await page.goto(served.invitationUrl);
  await page.getByLabel("Password").fill("correct horse battery");
  await page.getByRole("button", { name: "Set the password" }).click();
  await page.getByRole("heading", { level: 1, name: "Images" }).waitFor();
  await page.goto(`${served.url}#/people`);
  await page.getByText("by Example Ltd").waitFor();
  expect(await accessibilityViolations(page)).toEqual([]);
  await page.context().close();
});

it("what goes wrong is one line at the door, and the password's way in stays", async () => {
  issuer.next = { sub: "s-2", claims: { preferred_username: "admin" } };
  const page = await served.visit({ viewport: { width: 360, height: 740 } });
  await page.goto(served.url);
  await page.getByRole("link", { name: "Log in with Example Ltd" }).click();
  expect(await page.getByRole("alert").textContent()).toContain("belongs to another user");
  expect(await accessibilityViolations(page)).toEqual([]);
  await page.getByLabel("Name").fill("admin");
  await page.getByLabel("Password").fill("correct horse battery");
  await page.getByRole("button", { name: "Log in", exact: true }).click();
  await page.getByRole("heading", { level: 1, name: "Images" }).waitFor();
  await page.context().close();
});
