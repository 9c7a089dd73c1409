import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openCache } from "../../src/core/cache.ts";
import { withContext } from "../../src/core/work-directory.ts";
import type { PackageRequest } from "../../src/model/plan.ts";
import { type RecipeInput, recipeSchema } from "../../src/model/recipe.ts";
import { findDistro, planBuild } from "../../src/stages/plan.ts";
import { cleanEnvironment, run } from "../../src/system/process.ts";
import { EVERYTHING, withFolder } from "../fixtures/attempt.ts";
import { type Mirror, openMirror, SUITE } from "../fixtures/mirror.ts";

/** What is chosen, and what apt chooses by itself, with all lists before its eyes: names and versions. */
async function chosen(recipe: RecipeInput, request: PackageRequest, cacheDirectory: string) {
  const cache = await openCache(cacheDirectory);
  const signal = new AbortController().signal;
  return withContext(
    cache,
    signal,
    () => {},
    async (context) => {
      const plan = { ...(await planBuild(recipeSchema.parse({ arch: "amd64", ...recipe }))), packages: request };
      const lock = await findDistro("debian").resolve(plan, context);
      const unwanted = request.exclude.map((name) => `,?not(?exact-name(${name}))`).join("");
      const prioritized = request.priorities.map((one) => `?priority(${one})`).join(",");
      const pattern = `?and(?or(?essential,${prioritized})${unwanted})`;
      const wanted = [pattern, ...request.include, ...request.exclude.map((name) => `${name}-`)];
      const env = { ...cleanEnvironment(), APT_CONFIG: join(context.workDirectory, "apt/apt.conf") };
      const { stdout } = await run(["apt-get", "--yes", "--print-uris", "install", "--", ...wanted], { env, signal });
      const names = [...stdout.matchAll(/^'[^']+' (\S+?)_(\S+)_\S+\.deb /gm)];
      return {
        ours: lock.packages.map(({ name, version }) => `${name} ${version}`).sort(),
        apts: names.map(([, name, version = ""]) => `${name} ${decodeURIComponent(version)}`).sort(),
      };
    },
  );
}

describe("a small archive", () => {
  let mirror: Mirror;
  beforeAll(async () => {
    mirror = await openMirror([
      { name: "base", control: { Priority: "required", Essential: "yes" } },
      { name: "aside", control: { Suggests: "net-two" } }, // so apt has read of that first, and takes the other
      { name: "net-one", control: { Provides: "net" } },
      { name: "net-two", control: { Provides: "net" } },
      { name: "pod", control: { Depends: "net" } },
      { name: "strict", control: { Depends: "net-one | net-two", Conflicts: "net-one" } },
    ]);
  });
  afterAll(() => mirror.close());

  test.each([
    [[], ["base 1"]],
    [["pod"], ["base 1", "net-one 1", "pod 1"]],
    [
      ["pod", "net-one"],
      ["base 1", "net-one 1", "pod 1"],
    ],
    [
      ["strict", "pod"],
      ["base 1", "net-two 1", "pod 1", "strict 1"],
    ],
  ])("%j: the solver chooses as if it saw all of it", (include, expected) =>
    withFolder(async (folder) => {
      const { ours, apts } = await chosen({ ...mirror.recipe, suite: SUITE }, { ...EVERYTHING, include }, folder);
      expect(apts).toEqual(expected);
      expect(ours).toEqual(expected);
    }),
  );
});

test("Debian: what is chosen is what apt chooses with all lists before its eyes", () =>
  withFolder(async (folder) => {
    const priorities = ["required", "important"];
    const requests = [
      { include: ["linux-image-amd64", "grub-pc-bin", "openssh-server", "sudo", "locales"], exclude: [] },
      { include: ["podman", "build-essential", "git"], exclude: ["nano", "vim-tiny"] },
      { include: ["task-xfce-desktop", "wordpress", "mailutils"], exclude: [] },
      { include: ["postgresql", "default-jdk", "libvirt-daemon-system"], exclude: ["ifupdown"] },
    ];
    for (const request of requests) {
      const { ours, apts } = await chosen({ suite: "bookworm" }, { priorities, ...request }, folder);
      expect(ours.length).toBeGreaterThan(150);
      expect(ours).toEqual(apts);
    }
  }));
