import { expect, it } from "vitest";
import type { CloudInit, Identity } from "../../model/identity.ts";
import { cloudInitEdits } from "./cloud-init.ts";

const seed = (cloudInit: CloudInit | undefined) => {
  const identity = { hostname: "web", user: undefined, cloudInit, ids: { rootUuid: "id-1" } };
  const edits = cloudInitEdits(identity as unknown as Identity, "networkd");
  return Object.fromEntries(
    edits.map((edit) => [edit.path.split("/").at(-1), edit.kind === "file" ? edit.content : ""]),
  );
};

it("does nothing unless it is asked", () => {
  expect(seed(undefined)).toEqual({});
});

it("completes meta data, and leaves what was given", () => {
  expect(seed({ userData: "u" })["meta-data"]).toBe("instance-id: id-1\nlocal-hostname: web\n");
  expect(seed({ userData: "u", metaData: "instance-id: mine\nfoo: 1" })["meta-data"]).toBe(
    "instance-id: mine\nfoo: 1\nlocal-hostname: web\n",
  );
});

it("keeps cloud-init off the network unless it brings one", () => {
  const settings = (cloudInit: CloudInit) =>
    JSON.parse(String(seed(cloudInit)["95-vmbuilder.cfg"]).split("\n").slice(1).join("\n")) as Record<string, unknown>;
  expect(settings({ userData: "u" })).toMatchObject({ datasource_list: ["NoCloud"], network: { config: "disabled" } });
  expect(settings({ userData: "u", networkConfig: "version: 2" })).not.toHaveProperty("network");
});
