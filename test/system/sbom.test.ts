import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { Spec, Validation } from "@cyclonedx/cyclonedx-library";
import { PackageURL } from "packageurl-js";
import parseExpression from "spdx-expression-parse";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseDeb822, type Stanza } from "../../src/model/deb822.ts";
import { builtCache, makeBuildFolder } from "../fixtures/built-cache.ts";
import { openGuestDisk } from "../fixtures/guest-disk.ts";
import { vmbuilder } from "../fixtures/vmbuilder.ts";

interface Spdx {
  readonly packages: readonly SpdxPackage[];
  readonly relationships: readonly { spdxElementId: string; relationshipType: string; relatedSpdxElement: string }[];
  readonly hasExtractedLicensingInfos: readonly { licenseId: string; extractedText: string }[];
  readonly [key: string]: unknown;
}
interface SpdxPackage {
  readonly SPDXID: string;
  readonly name: string;
  readonly versionInfo: string;
  readonly supplier: string;
  readonly licenseDeclared: string;
  readonly checksums: readonly { algorithm: string; checksumValue: string }[];
  readonly externalRefs: readonly { referenceLocator: string }[];
}

let folder: string;
let spdxText: string;
let spdx: Spdx;
let cyclonedx: string;
/** What dpkg knows in the machine itself. */
let installed: Stanza[];

beforeAll(async () => {
  const built = await builtCache();
  folder = await makeBuildFolder("vmb-sbom-");
  await built.copyTo(join(folder, "cache"), "disk");
  const build = (name: string) =>
    vmbuilder([
      ...["build", ...built.options, "--sbom", "spdx,cyclonedx", "-q"],
      ...["--dest", join(folder, name), "--cache-dir", join(folder, "cache")],
    ]);
  expect(await build("vm")).toEqual({ status: 0, stdout: "", stderr: "" });
  expect(await build("again")).toEqual({ status: 0, stdout: "", stderr: "" });
  spdxText = await readFile(join(folder, "vm/sbom.spdx.json"), "utf8");
  spdx = JSON.parse(spdxText) as Spdx;
  cyclonedx = await readFile(join(folder, "vm/sbom.cdx.json"), "utf8");
  const disk = await openGuestDisk(join(folder, "vm/test.qcow2"));
  try {
    installed = parseDeb822(await disk.read("/var/lib/dpkg/status"));
  } finally {
    await disk.close();
  }
});
afterAll(async () => {
  if (folder) await rm(folder, { recursive: true, force: true });
});

const idOf = (stanza: Stanza) => ["Package", "Version", "Architecture"].map((field) => stanza.get(field)).join(" ");

test("two builds list the same, byte by byte", async () => {
  expect(await readFile(join(folder, "again/sbom.spdx.json"), "utf8")).toBe(spdxText);
  expect(await readFile(join(folder, "again/sbom.cdx.json"), "utf8")).toBe(cyclonedx);
});

describe("the CycloneDX document", () => {
  test("is valid by the published schema, which knows SPDX's licences", async () => {
    const validator = new Validation.JsonStrictValidator(Spec.Version.v1dot6);
    expect(await validator.validate(cyclonedx)).toBeNull();
    const spoiled = cyclonedx.replace('"SHA-256"', '"SHA-257"');
    expect(await validator.validate(spoiled)).not.toBeNull();
  });
  test("has the packages that dpkg has", () => {
    const { components } = JSON.parse(cyclonedx) as { components: { name: string; version: string; purl: string }[] };
    const listed = components.map(({ purl }) => {
      const { name, version, qualifiers } = PackageURL.fromString(purl);
      return `${name} ${version} ${qualifiers?.arch}`;
    });
    expect(listed.sort()).toEqual(installed.map(idOf).sort());
  });
});

describe("the SPDX document", () => {
  const packages = () => spdx.packages.filter(({ name }) => name !== "test");
  test("has what SPDX 2.3 demands", () => {
    expect(spdx).toMatchObject({ spdxVersion: "SPDX-2.3", dataLicense: "CC0-1.0", SPDXID: "SPDXRef-DOCUMENT" });
    const ids = spdx.packages.map(({ SPDXID }) => SPDXID);
    expect(new Set(ids).size).toBe(ids.length);
    for (const id of ids) expect(id).toMatch(/^SPDXRef-[A-Za-z0-9.-]+$/);
    const known = new Set([...ids, "SPDXRef-DOCUMENT"]);
    for (const { spdxElementId, relatedSpdxElement } of spdx.relationships)
      expect([known.has(spdxElementId), known.has(relatedSpdxElement)]).toEqual([true, true]);
  });
  test("has dpkg's packages and their makers", () => {
    const maintainers = new Map(installed.map((one) => [`${one.get("Package")} ${one.get("Architecture")}`, one]));
    expect(packages()).toHaveLength(installed.length);
    for (const { externalRefs, supplier, versionInfo } of packages()) {
      const { name, qualifiers } = PackageURL.fromString(externalRefs[0]?.referenceLocator ?? "");
      const stanza = maintainers.get(`${name} ${qualifiers?.arch}`);
      expect(versionInfo).toBe(stanza?.get("Version"));
      const [, address = "none"] = /<(.*)>/.exec(stanza?.get("Maintainer") ?? "") ?? [];
      expect(supplier).toContain(address);
    }
  });
  test("has licences that are expressions, and says what each reference means", () => {
    const declared = packages().map(({ licenseDeclared }) => licenseDeclared);
    const known = declared.filter((expression) => expression !== "NOASSERTION");
    expect(known.length).toBeGreaterThan(declared.length * 0.8);
    for (const expression of known) parseExpression(expression);
    const used = new Set(known.flatMap((expression) => expression.match(/LicenseRef-[\w.-]+/g) ?? []));
    expect(spdx.hasExtractedLicensingInfos.map(({ licenseId }) => licenseId).sort()).toEqual([...used].sort());
    expect(packages().find(({ name }) => name === "bash")?.licenseDeclared).toContain("GPL-3.0-or-later");
  });
  test("has the hashes of the .deb files, from which it was installed", async () => {
    for (const { checksums } of packages()) {
      const file = join(folder, "cache/packages", `${checksums[0]?.checksumValue}.deb`);
      expect((await readFile(file)).subarray(0, 7).toString()).toBe("!<arch>");
    }
  });
});

test("an unknown form is refused", async () => {
  const { status, stderr } = await vmbuilder(["build", "--sbom", "swid", "--rootpass", "x", "-n"]);
  expect(status).toBe(2);
  expect(stderr).toMatch(/sbom/);
});
