import { describe, expect, it } from "vitest";
import { withoutSecrets } from "./recipe-folder.ts";

describe("withoutSecrets", () => {
  it("shows no password, no passphrase, and no variable that holds one", () => {
    const values = {
      vars: { word: "hunter2", size: "4G" },
      pass: `\${word}!`,
      rootpass: "secret",
      "luks-pass": "secret",
      rootsize: `\${size}`,
      proxy: "http://joe:hunter@2@proxy.example.org:3128/",
    };
    const proxy = "http://(set)@proxy.example.org:3128/";
    expect(withoutSecrets(values)).toEqual({ vars: { size: "4G" }, rootsize: `\${size}`, proxy });
  });
});
