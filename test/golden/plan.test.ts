import { join } from "node:path";
import { expect, it } from "vitest";
import { vmbuilder } from "../fixtures/vmbuilder.ts";

const RECIPE = join(import.meta.dirname, "web.yaml");

it("shows the plan of a recipe, and no secret", async () => {
  const { status, stdout, stderr } = await vmbuilder(["build", RECIPE, "--dry-run"], { NO_COLOR: "1" });
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  expect(stdout).not.toContain("secret");
  await expect(stdout).toMatchFileSnapshot("plan.txt");
});

it("prints the plan of a recipe as one line of JSON, and no secret", async () => {
  const { status, stdout, stderr } = await vmbuilder(["build", RECIPE, "--dry-run", "--json"]);
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  expect(stdout.trimEnd()).not.toContain("\n");
  expect(stdout).not.toContain("secret");
  await expect(`${JSON.stringify(JSON.parse(stdout), null, 2)}\n`).toMatchFileSnapshot("plan.json");
});
