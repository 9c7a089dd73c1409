import { describe, expect, it } from "vitest";
import { isSshKeyLine, RECIPE_KEYS, recipeSchema } from "./recipe.ts";
import { GIB } from "./size.ts";

const accepts = (recipe: object) => recipeSchema.safeParse(recipe).success;

describe("recipeSchema", () => {
  it("fills in defaults that make a bootable machine", () => {
    expect(recipeSchema.parse({})).toMatchObject({
      distro: "debian",
      hostname: "vm",
      hypervisor: ["kvm"],
      rootsize: 4 * GIB,
      swapsize: GIB,
      mem: 1024,
      cpus: 1,
      addpkg: [],
    });
  });

  it("takes one item where a list is wanted, and text where a number is", () => {
    expect(recipeSchema.parse({ addpkg: "nginx", "ssh-key": "a.pub", mem: "2048", cpus: "2" })).toMatchObject({
      addpkg: ["nginx"],
      "ssh-key": ["a.pub"],
      mem: 2048,
      cpus: 2,
    });
  });

  it.each(["web", "web-1", "WEB", "a", "1", "web.example.org", "a".repeat(63)])(
    "takes the host name %j",
    (hostname) => {
      expect(accepts({ hostname })).toBe(true);
    },
  );

  it.each([
    "",
    "-a",
    "a-",
    "a..b",
    ".a",
    "a.",
    "a b",
    "a/b",
    "a_b",
    "a\n",
    "a\0",
    "ü",
    "a".repeat(64),
    `${"a.".repeat(127)}aa`,
    "../a",
  ])("refuses the host name %j", (hostname) => {
    expect(accepts({ hostname })).toBe(false);
  });

  it.each(["", "Ann", "1ann", "-ann", "ann b", "ann:x", "ann\n", "a".repeat(33), "ann/../root"])(
    "refuses the user %j",
    (user) => {
      expect(accepts({ user })).toBe(false);
    },
  );

  it.each(["", "a", "-y", "--purge", "nginx=1.0", "nginx/sid", "nginx+ ", "?essential", "a b", "Nginx"])(
    "refuses the package %j, which apt could take for something else",
    (name) => {
      expect(accepts({ addpkg: [name] })).toBe(false);
    },
  );

  it.each([
    { mem: "1e3" },
    { mem: "0x400" },
    { mem: "" },
    { mem: true },
    { mem: null },
    { mem: 63 },
    { mem: 1024.5 },
    { mem: Number.NaN },
    { cpus: 0 },
    { cpus: -1 },
    { cpus: 1e30 },
    { rootsize: "1e30" },
    { rootsize: -1 },
    { rootsize: Number.NaN },
    { rootsize: [1] },
    { arch: "sparc" },
    { pass: "" },
    { pass: "a\nb" },
    { pass: "a".repeat(513) },
    { name: "Ann:0:0" },
    { name: "Ann, Room 1" },
    { timezone: "../../etc/passwd" },
    { timezone: "Europe/Berlin\n" },
    { lang: "de_DE; rm" },
    { mirror: "ftp://mirror.example.org/debian" },
    { mirror: "" },
    { dest: "a\0b" },
    { proxy: "no url" },
    { hostnam: "web" },
    JSON.parse('{"__proto__": {"hostname": "web"}}') as object,
    { constructor: "x" },
  ])("refuses %o", (recipe) => {
    expect(accepts(recipe)).toBe(false);
  });

  it.each(["http://mirror.example.org/debian", "file:/srv/debian", "file:///srv/debian", "/srv/debian", "../debian"])(
    "takes the mirror %j",
    (mirror) => {
      expect(accepts({ mirror })).toBe(true);
    },
  );

  it("lists its keys", () => {
    expect(RECIPE_KEYS).toContain("ssh-user-key");
    expect(RECIPE_KEYS).not.toContain("json");
  });
});

describe("isSshKeyLine", () => {
  it.each([
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA ann@example.org",
    "ssh-rsa AAAAB3NzaC1yc2EAAAA=",
    "ecdsa-sha2-nistp256 AAAAE2VjZHNh comment with spaces",
    "sk-ssh-ed25519@openssh.com AAAAGnNr",
    'from="192.0.2.1",no-pty ssh-ed25519 AAAAC3Nza',
  ])("takes %j", (line) => {
    expect(isSshKeyLine(line)).toBe(true);
  });

  it.each(["", "-----BEGIN OPENSSH PRIVATE KEY-----", "ssh-ed25519", "hello world", "ssh-ed25519 AAAA\nssh-rsa AAAA"])(
    "refuses %j",
    (line) => {
      expect(isSshKeyLine(line)).toBe(false);
    },
  );
});
