/**
 * Adds up the reports of all test runs (build/reports/*.json) and prints `N passed, N failed` as its last line.
 *
 *   node scripts/test-summary.ts [MAKE-STATUS]
 *
 * A run that ended badly without a failed test (types, lint, a crash, nothing run at all) counts as one failure.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

interface TestReport {
  success: boolean;
  testResults: {
    name: string;
    status: string;
    message: string;
    assertionResults: { fullName: string; status: string }[];
  }[];
}

interface Counts {
  passed: number;
  failed: number;
  skipped: string[];
}

const REPORTS = "build/reports";

const counts = addUp(readReports());
const makeStatus = Number(process.argv[2] ?? 0);
if (counts.failed === 0 && (makeStatus !== 0 || counts.passed === 0)) {
  counts.failed = 1;
  console.log(makeStatus === 0 ? "no test ran" : `make ended with status ${makeStatus}, see above`);
}
for (const name of counts.skipped) console.log(`skipped: ${name}`);
console.log(`${counts.passed} passed, ${counts.failed} failed`);
process.exitCode = counts.failed > 0 ? 1 : 0;

function readReports(): TestReport[] {
  if (!existsSync(REPORTS)) return [];
  return readdirSync(REPORTS)
    .filter((name) => name.endsWith(".json"))
    .map((name) => JSON.parse(readFileSync(join(REPORTS, name), "utf8")) as TestReport);
}

function addUp(reports: TestReport[]): Counts {
  const sum: Counts = { passed: 0, failed: 0, skipped: [] };
  for (const report of reports) {
    const failedBefore = sum.failed;
    for (const file of report.testResults) {
      for (const test of file.assertionResults) {
        if (test.status === "passed") sum.passed += 1;
        else if (test.status === "failed") sum.failed += 1;
        else sum.skipped.push(test.fullName);
      }
      // A file that cannot even be loaded has no tests to count.
      if (file.status === "failed" && !file.assertionResults.some((test) => test.status === "failed")) sum.failed += 1;
    }
    if (!report.success && sum.failed === failedBefore) sum.failed += 1;
  }
  return sum;
}
