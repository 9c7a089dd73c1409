import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Database } from "../store/database.ts";
import { addUser, changeUser, findUser } from "../store/users.ts";
import { admit, nameOf, roleOf } from "./admit.ts";
import type { PeoplePolicy } from "./issuer.ts";

const OPEN: PeoplePolicy = { isOpen: true, defaultRole: "viewer", roleClaim: "groups", roles: [] };
const RULES: PeoplePolicy = {
  ...OPEN,
  roles: [
    { role: "viewer", value: "staff" },
    { role: "admin", value: "chiefs" },
    { role: "builder", value: "makers" },
  ],
};
let database: Database;
beforeEach(() => {
  database = new Database(":memory:");
});
afterEach(() => database.close());

describe("roleOf", () => {
  it.each([
    [["makers", "staff", "chiefs"], "admin"],
    ["makers", "builder"],
    [["others"], "viewer"],
    [undefined, "viewer"],
    [{ makers: true }, "viewer"],
  ])("%j: %s", (groups, role) => {
    expect(roleOf({ sub: "s", groups }, RULES)).toBe(role);
  });
});

describe("nameOf", () => {
  it.each([
    ["Zoë Müller", "zoe-muller"],
    ["joe@example.org", "joe"],
    ["7of9", "of9"],
    ["../../etc", "etc"],
    ["x".repeat(99), "x".repeat(32)],
    ["漢字", undefined],
    ["@x", undefined],
  ])("%j: %s", (preferred_username, name) => {
    expect(nameOf({ sub: "s", preferred_username })).toBe(name);
  });

  it("takes the mail address where there is no user name", () => {
    expect(nameOf({ sub: "s", email: "ann@example.org" })).toBe("ann");
    expect(nameOf({ sub: "s" })).toBeUndefined();
  });
});

describe("admit", () => {
  const faultOf = (work: () => unknown) => expect(work).toThrow(expect.objectContaining({ fault: expect.any(String) }));

  it("keeps the last admin, whatever the issuer says", () => {
    const claims = { sub: "s", preferred_username: "ann", groups: "chiefs" };
    expect(admit(database, "https://i/", claims, RULES).role).toBe("admin");
    expect(admit(database, "https://i/", { ...claims, groups: "staff" }, RULES).role).toBe("admin");
    addUser(database, "bob", "admin");
    expect(admit(database, "https://i/", { ...claims, groups: "staff" }, RULES).role).toBe("viewer");
  });

  it("leaves roles that an admin gave when there are no rules", () => {
    admit(database, "https://i/", { sub: "s", preferred_username: "ann" }, OPEN);
    changeUser(database, "ann", { role: "builder" });
    expect(admit(database, "https://i/", { sub: "s", preferred_username: "ann" }, OPEN).role).toBe("builder");
  });

  it("knows the same sub of another issuer as somebody else, and gives an awaited user away once", () => {
    addUser(database, "bob", "builder");
    changeUser(database, "bob", { hasOidc: true });
    expect(admit(database, "https://i/", { sub: "s", preferred_username: "bob" }, OPEN).name).toBe("bob");
    faultOf(() => admit(database, "https://other/", { sub: "s", preferred_username: "bob" }, OPEN));
    faultOf(() => admit(database, "https://i/", { sub: "t", preferred_username: "bob" }, OPEN));
    expect(findUser(database, "bob")).toMatchObject({ awaitsOidc: false, oidc: "https://i/ s" });
  });
});
