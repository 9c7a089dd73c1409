import { basename } from "node:path";
import { defineConfig, type TestProjectConfiguration } from "vitest/config";

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;

/** One kind of test: where its files are and how long one test may take. */
function project(name: string, include: string, timeoutMs: number, oneAtATime: boolean): TestProjectConfiguration {
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
      ...(oneAtATime ? { fileParallelism: false, maxWorkers: 1 } : {}),
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
      project("unit", "src/**/*.test.ts", 10 * SECOND_MS, false),
      // Real tools, and two builds at once would compete for the same few cores.
      project("system", "test/system/**/*.test.ts", 5 * MINUTE_MS, true),
      // Not part of `make test`: builds that are stopped at every stage, every disk format booted, one machine built under many
      // circumstances, a tree of mmdebstrap's to compare with, an arm64 machine, each suite, each recipe, the Debian packages, upgrades that fail and a
      // real one.
      project("interrupt", "test/interrupt/**/*.test.ts", 10 * MINUTE_MS, true),
      project("formats", "test/formats/**/*.test.ts", 15 * MINUTE_MS, true),
      project("storage", "test/storage/**/*.test.ts", 25 * MINUTE_MS, true),
      project("reproduce", "test/reproduce/**/*.test.ts", 10 * MINUTE_MS, true),
      project("comparison", "test/comparison/**/*.test.ts", 30 * MINUTE_MS, true),
      project("suites", "test/suites/**/*.test.ts", 30 * MINUTE_MS, true),
      project("upgrade", "test/upgrade/**/*.test.ts", 30 * MINUTE_MS, true),
      project("recipes", "test/recipes/**/*.test.ts", 30 * MINUTE_MS, true),
      project("arm64", "test/arm64/**/*.test.ts", 30 * MINUTE_MS, true),
      // A system that boots under the server, in the page.
      project("served", "test/served/**/*.test.ts", 20 * MINUTE_MS, true),
      project("deb", "test/deb/**/*.test.ts", 30 * MINUTE_MS, true),
      project("golden", "test/golden/**/*.test.ts", 5 * MINUTE_MS, true),
      // A server, a browser and builds.
      project("web", "test/web/**/*.test.ts", 2 * MINUTE_MS, true),
      // Under software emulation a machine needs minutes; two at a time would both be late.
      project("boot", "test/boot/**/*.test.ts", 15 * MINUTE_MS, true),
    ],
  },
});
