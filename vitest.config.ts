import { basename } from "node:path";
import { defineConfig, type TestProjectConfiguration } from "vitest/config";

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;

/** One kind of test: where its files are, how long one test may take, and how many files run side by side. */
function project(name: string, include: string, timeoutMs: number, files: "all" | number): TestProjectConfiguration {
  return {
    test: {
      name,
      include: [include],
      exclude: ["**/node_modules/**", "dist/**", "build/**"],
      environment: "node",
      // One result, whatever the host's locale, time zone and configuration.
      env: { VMBUILDER_HOST_SETTINGS: "none", VMBUILDER_USER_CONFIG: "none", VMBUILDER_SYSTEM_CONFIG: "none" },
      testTimeout: timeoutMs,
      hookTimeout: timeoutMs,
      ...(files === "all" ? {} : { fileParallelism: files > 1, maxWorkers: files }),
    },
  };
}

/** Each run of one kind leaves its report beside the others: `vitest run --project boot` writes build/reports/boot.json. */
function reportName(argv: string[]): string {
  const at = argv.indexOf("--project");
  return basename(argv[at === -1 ? -1 : at + 1] ?? "all");
}

export default defineConfig({
  test: {
    reporters: ["default", "json"],
    outputFile: { json: `build/reports/${reportName(process.argv)}.json` },
    projects: [
      project("unit", "src/**/*.test.ts", 10 * SECOND_MS, "all"),
      // Real tools, and two builds at once would compete for the same few cores.
      project("system", "test/system/**/*.test.ts", 5 * MINUTE_MS, 1),
      // Not part of `make test`: builds that are stopped at every stage, every disk format booted, one machine built under many
      // circumstances, a tree of mmdebstrap's to compare with, a machine of arm64 and one of riscv64, each suite, each recipe, the Debian packages, upgrades that fail and a
      // real one.
      project("interrupt", "test/interrupt/**/*.test.ts", 10 * MINUTE_MS, 1),
      project("formats", "test/formats/**/*.test.ts", 15 * MINUTE_MS, 1),
      project("storage", "test/storage/**/*.test.ts", 25 * MINUTE_MS, 1),
      project("sources", "test/sources/**/*.test.ts", 25 * MINUTE_MS, 1),
      project("reproduce", "test/reproduce/**/*.test.ts", 10 * MINUTE_MS, 1),
      project("comparison", "test/comparison/**/*.test.ts", 30 * MINUTE_MS, 1),
      project("suites", "test/suites/**/*.test.ts", 30 * MINUTE_MS, 1),
      project("upgrade", "test/upgrade/**/*.test.ts", 30 * MINUTE_MS, 1),
      project("recipes", "test/recipes/**/*.test.ts", 30 * MINUTE_MS, 1),
      project("arm64", "test/arm64/**/*.test.ts", 30 * MINUTE_MS, 1),
      project("riscv64", "test/riscv64/**/*.test.ts", 30 * MINUTE_MS, 1),
      // Many machines at once.
      project("machines", "test/machines/**/*.test.ts", 30 * MINUTE_MS, 1),
      // A system that boots under the server, in the page.
      project("served", "test/served/**/*.test.ts", 20 * MINUTE_MS, 1),
      // What the tutorial tells people to do.
      project("walk", "test/walk/**/*.test.ts", 20 * MINUTE_MS, 1),
      project("deb", "test/deb/**/*.test.ts", 30 * MINUTE_MS, 1),
      // The appliance, and a machine that is built inside it: an hour by software emulation.
      project("appliance", "test/appliance/**/*.test.ts", 60 * MINUTE_MS, 1),
      project("golden", "test/golden/**/*.test.ts", 5 * MINUTE_MS, 1),
      // A server, a browser and builds.
      project("web", "test/web/**/*.test.ts", 2 * MINUTE_MS, 1),
      // Under software emulation a machine needs a minute, most of it on one processor, so that two at a time are a third quicker.
      project("boot", "test/boot/**/*.test.ts", 15 * MINUTE_MS, 2),
    ],
  },
});
