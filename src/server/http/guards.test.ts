import { describe, expect, it } from "vitest";
import { checkHost, checkOrigin } from "./guards.ts";

const settings = { hostNames: new Set(["builder", "vm.example.org"]) };

describe("checkHost", () => {
  it.each([
    "localhost",
    "localhost:8080",
    "127.0.0.1:1",
    "[::1]:8080",
    "192.0.2.7",
    "builder:80",
    "VM.example.org",
    "vm.example.org.",
  ])("knows %s", (host) => {
    expect(() => checkHost(host, settings)).not.toThrow();
  });

  it.each([
    "attacker.example.net",
    "localhost.example.net",
    "127.0.0.1.example.net",
    "builder.example.net:8080",
    "",
    "a b",
    "localhost/x",
    "user@localhost",
    null,
  ])("doesn't know %s", (host) =>
    expect(() => checkHost(host, settings)).toThrow(expect.objectContaining({ code: "host-unknown" })),
  );
});

describe("checkOrigin", () => {
  const headers = (given: Record<string, string>) => new Headers({ host: "localhost:8080", ...given });

  it.each([
    {},
    { origin: "http://localhost:8080", "sec-fetch-site": "same-origin" },
    { "sec-fetch-site": "none", "sec-fetch-mode": "navigate" },
    { "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document" },
  ])("takes %o", (given) => expect(() => checkOrigin(headers(given as Record<string, string>))).not.toThrow());

  it.each([
    { origin: "http://localhost:9090" },
    { origin: "https://attacker.example.net" },
    { origin: "null" },
    { "sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors", "sec-fetch-dest": "image" },
    { "sec-fetch-site": "same-site", "sec-fetch-mode": "cors" },
    {
      origin: "https://attacker.example.net",
      "sec-fetch-site": "cross-site",
      "sec-fetch-mode": "navigate",
      "sec-fetch-dest": "document",
    },
  ])("refuses %o", (given) => {
    expect(() => checkOrigin(headers(given as Record<string, string>))).toThrow(
      expect.objectContaining({ code: "origin-refused" }),
    );
  });
});
