import { describe, expect, it } from "vitest";
import { localeMistake } from "./locale-name.ts";

describe("the territory of a locale", () => {
  it.each(["C.UTF-8", "de_DE", "en_GB.UTF-8", "sr_RS@latin", "es_419", "eo", "pap_AN", "sq_XK"])(
    "%s is right",
    (locale) => {
      expect(localeMistake(locale)).toBeUndefined();
    },
  );

  it("has a code that another is meant by", () => {
    expect(localeMistake("en_UK.UTF-8")).toBe("is no locale: the country's code is GB, so en_GB.UTF-8");
  });

  it.each(["en_EN", "ja_JA.UTF-8", "xx_YY", "de_ZZ@euro"])("%s is no country's", (locale) => {
    expect(localeMistake(locale)).toMatch(/^is no locale: [A-Z]{2} is no country's code$/);
  });
});
