/** How a test ended. */
export interface TestOutcome {
  readonly name: string;
  readonly seconds: number;
  /** What is wrong; without it, the test passed. */
  readonly failure?: string;
  /** What the failed command said, at its end. */
  readonly said?: string;
}

/** The tests of one machine. */
export interface TestRun {
  /** Tells it from the others of a matrix. */
  readonly label: string;
  readonly hostname: string;
  /** What the machine was made from. */
  readonly origin: string;
  readonly startedAt: string;
  readonly seconds: number;
  readonly outcomes: readonly TestOutcome[];
  /** What the machine showed when a test failed: its serial console, and its screen as PNG in base64. */
  readonly evidence: { readonly console: string; readonly screenPng: string | undefined } | undefined;
  /** Name of the machine, if it was kept. */
  readonly keptAs: string | undefined;
}

/** Those that failed. */
export function failuresOf({ outcomes }: Pick<TestRun, "outcomes">): TestOutcome[] {
  return outcomes.filter(({ failure }) => failure !== undefined);
}
