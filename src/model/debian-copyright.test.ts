import { describe, expect, it } from "vitest";
import { declaredLicences } from "./debian-copyright.ts";

const FORMAT = "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n";

function licences(...names: string[]) {
  const files = names.map((name, index) => `Files: ${index}\nCopyright: somebody\nLicense: ${name}\n text of it\n`);
  return declaredLicences([FORMAT, ...files, "License: Expat\n a text for all\n"].join("\n"));
}

describe("a machine-readable copyright file", () => {
  it.each([
    [["GPL-2+"], "GPL-2.0-or-later"],
    [["LGPL-2.1"], "LGPL-2.1-only"],
    [["Expat", "expat", "GPL-3.0-or-later"], "GPL-3.0-or-later AND MIT"],
    [["GPL-1+ or Artistic-2.0"], "GPL-1.0-or-later OR Artistic-2.0"],
    [["GPL-1+ or Artistic-2.0", "ISC"], "(GPL-1.0-or-later OR Artistic-2.0) AND ISC"],
    [["GPL-2+ or Expat, and ISC"], "(GPL-2.0-or-later OR MIT) AND ISC"],
    [["GPL-2+ and MIT or zlib"], "GPL-2.0-or-later AND MIT OR Zlib"],
    [["GPL-4"], "LicenseRef-GPL-4"],
    [["GPL-2+ with OpenSSL exception"], "LicenseRef-GPL-2-or-later-with-OpenSSL-exception"],
  ])("that says %j declares %s", (names, expression) => {
    expect(licences(...names)?.expression).toBe(expression);
  });

  it("names what SPDX's list doesn't have", () => {
    expect(licences("public-domain")?.references).toEqual(new Map([["LicenseRef-public-domain", "public-domain"]]));
    expect(licences("Expat")?.references.size).toBe(0);
  });
});

it("a copyright file in prose declares nothing, and so does one without files", () => {
  expect(declaredLicences("This is free software.\n\nLicense: GPL\n")).toBeUndefined();
  expect(declaredLicences(FORMAT)).toBeUndefined();
  expect(declaredLicences("")).toBeUndefined();
});
