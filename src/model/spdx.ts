import type { Sbom, SbomPackage, Supplier } from "./sbom.ts";

const NOTHING = "NOASSERTION";
const DOCUMENT = "SPDXRef-DOCUMENT";
const SYSTEM = "SPDXRef-System";

/**
 * A bill of materials as an SPDX 2.3 document in JSON.
 *
 * @see https://spdx.github.io/spdx-spec/v2.3/
 */
export function formatSpdx(sbom: Sbom): string {
  const ids = new Map(sbom.packages.map(({ purl, ref }) => [purl, spdxId(ref.name, ref.architecture)]));
  const system = {
    SPDXID: SYSTEM,
    name: sbom.hostname,
    versionInfo: sbom.suite,
    downloadLocation: NOTHING,
    filesAnalyzed: false,
    primaryPackagePurpose: "OPERATING_SYSTEM",
    licenseConcluded: NOTHING,
    licenseDeclared: NOTHING,
    copyrightText: NOTHING,
    summary: `${sbom.distro} ${sbom.suite} for ${sbom.architecture}`,
  };
  const relationships = [
    relation(DOCUMENT, "DESCRIBES", SYSTEM),
    ...sbom.packages.map(({ purl }) => relation(SYSTEM, "CONTAINS", String(ids.get(purl)))),
    ...sbom.packages.flatMap(({ purl, dependsOn }) =>
      dependsOn.map((other) => relation(String(ids.get(purl)), "DEPENDS_ON", String(ids.get(other)))),
    ),
  ];
  const references = sbom.packages.flatMap(({ licences }) => [...(licences?.references ?? [])]);
  const document = {
    spdxVersion: "SPDX-2.3",
    dataLicense: "CC0-1.0",
    SPDXID: DOCUMENT,
    name: sbom.hostname,
    documentNamespace: `urn:uuid:${sbom.uuid}`,
    creationInfo: {
      created: new Date(sbom.createdMs).toISOString().replace(/\.\d+Z$/, "Z"),
      creators: [`Tool: vmbuilder-${sbom.toolVersion}`],
    },
    packages: [system, ...sbom.packages.map((one) => describePackage(one, String(ids.get(one.purl))))],
    relationships,
    ...(references.length > 0 ? { hasExtractedLicensingInfos: extracted(references) } : {}),
  };
  return `${JSON.stringify(document, null, 1)}\n`;
}

function describePackage({ ref, purl, supplier, homepage, summary, source, licences }: SbomPackage, id: string) {
  return {
    SPDXID: id,
    name: ref.name,
    versionInfo: ref.version,
    ...(supplier ? { supplier: describeSupplier(supplier) } : {}),
    downloadLocation: /^https?:/.test(ref.url) ? ref.url : NOTHING,
    filesAnalyzed: false,
    checksums: [{ algorithm: "SHA256", checksumValue: ref.sha256 }],
    ...(homepage ? { homepage } : {}),
    sourceInfo: `built from the source package ${source}`,
    licenseConcluded: NOTHING,
    licenseDeclared: licences?.expression ?? NOTHING,
    copyrightText: NOTHING,
    ...(summary ? { summary } : {}),
    externalRefs: [{ referenceCategory: "PACKAGE-MANAGER", referenceType: "purl", referenceLocator: purl }],
  };
}

function spdxId(name: string, architecture: string): string {
  return `SPDXRef-Package-${name.replaceAll("+", ".plus.")}-${architecture}`;
}

function describeSupplier({ name, email, isOrganization }: Supplier): string {
  return `${isOrganization ? "Organization" : "Person"}: ${name}${email ? ` (${email})` : ""}`;
}

function relation(spdxElementId: string, relationshipType: string, relatedSpdxElement: string) {
  return { spdxElementId, relationshipType, relatedSpdxElement };
}

/** The texts stand in the machine; they would be the greater part of the document. */
function extracted(references: readonly (readonly [id: string, name: string])[]) {
  return [...new Map(references)].sort().map(([licenseId, name]) => ({
    licenseId,
    name,
    extractedText: `The text is in /usr/share/doc/PACKAGE/copyright of each package that has this licence, as "${name}".`,
  }));
}
