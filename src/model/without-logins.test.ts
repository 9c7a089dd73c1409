import { expect, it } from "vitest";
import { withoutLogins } from "./without-logins.ts";

it("leaves the logins of all addresses out, those with signs of their own too", () => {
  const text = '{"mirror":"http://joe:a@b@mirror.example.org/debian","url":"https://token@mirror.example.org/x"}';
  expect(withoutLogins(text)).toBe(
    '{"mirror":"http://(set)@mirror.example.org/debian","url":"https://(set)@mirror.example.org/x"}',
  );
});

it("leaves everything else as it is", () => {
  const text = "http://mirror.example.org/debian, joe@example.org, http://mirror.example.org/a@b, file:///srv/a@b";
  expect(withoutLogins(text)).toBe(text);
});
