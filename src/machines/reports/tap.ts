import type { TestOutcome, TestRun } from "../../model/test-run.ts";

/** Tests as TAP version 14, a subtest for each machine. @see https://testanything.org/tap-version-14-specification.html */
export function formatTap(runs: readonly TestRun[]): string {
  const lines = runs.flatMap(({ label, outcomes }, index) => {
    const passed = outcomes.every(({ failure }) => failure === undefined);
    return [
      `# Subtest: ${escapePoint(label)}`,
      ...outcomes.flatMap(point).map((line) => `    ${line}`),
      `    1..${outcomes.length}`,
      `${passed ? "ok" : "not ok"} ${index + 1} - ${escapePoint(label)}`,
    ];
  });
  return `${["TAP version 14", ...lines, `1..${runs.length}`].join("\n")}\n`;
}

function point({ name, failure, said, seconds }: TestOutcome, index: number): string[] {
  const line = `${failure === undefined ? "ok" : "not ok"} ${index + 1} - ${escapePoint(name)}`;
  const facts = [
    `message: ${JSON.stringify(failure)}`,
    ...(said === undefined ? [] : [`output: ${JSON.stringify(said)}`]),
    `duration_ms: ${Math.round(seconds * 1000)}`,
  ];
  return failure === undefined ? [line] : [line, "  ---", ...facts.map((fact) => `  ${fact}`), "  ..."];
}

/** # begins a directive, and a point is one line. */
function escapePoint(text: string): string {
  return text.replace(/\s+/g, " ").replace(/[\\#]/g, "\\$&");
}
