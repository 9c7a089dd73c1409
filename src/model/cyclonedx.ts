import type { Sbom, SbomPackage } from "./sbom.ts";

/**
 * A bill of materials as a CycloneDX 1.6 document in JSON.
 *
 * @see https://cyclonedx.org/docs/1.6/json/
 */
export function formatCycloneDx(sbom: Sbom): string {
  const system = `${sbom.distro}-${sbom.suite}-${sbom.architecture}`;
  const document = {
    $schema: "http://cyclonedx.org/schema/bom-1.6.schema.json",
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    serialNumber: `urn:uuid:${sbom.uuid}`,
    version: 1,
    metadata: {
      timestamp: new Date(sbom.createdMs).toISOString(),
      tools: { components: [{ type: "application", name: "vmbuilder", version: sbom.toolVersion }] },
      component: { "bom-ref": system, "type": "operating-system", "name": sbom.hostname, "version": sbom.suite },
    },
    components: sbom.packages.map(describeComponent),
    dependencies: [
      { ref: system, dependsOn: sbom.packages.map(({ purl }) => purl) },
      ...sbom.packages.map(({ purl, dependsOn }) => ({ ref: purl, dependsOn })),
    ],
  };
  return `${JSON.stringify(document, null, 1)}\n`;
}

function describeComponent({ ref, purl, supplier, homepage, summary, source, licences }: SbomPackage) {
  const places = [
    ...(/^https?:/.test(ref.url) ? [{ type: "distribution", url: ref.url }] : []),
    ...(homepage ? [{ type: "website", url: homepage }] : []),
  ];
  const contact = supplier && { name: supplier.name, ...(supplier.email ? { email: supplier.email } : {}) };
  return {
    "type": "library",
    "bom-ref": purl,
    ...(supplier ? { supplier: { name: supplier.name, contact: [contact] } } : {}),
    "name": ref.name,
    "version": ref.version,
    ...(summary ? { description: summary } : {}),
    "hashes": [{ alg: "SHA-256", content: ref.sha256 }],
    ...(licences ? { licenses: [{ expression: licences.expression }] } : {}),
    purl,
    ...(places.length > 0 ? { externalReferences: places } : {}),
    "properties": [{ name: "vmbuilder:source", value: source }],
  };
}
