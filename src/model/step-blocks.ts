import type { StepName } from "./events.ts";
import type { StepBoard, StepState } from "./step-board.ts";

/** A stage with its parts below it, or a step on its own. */
export interface StepBlock {
  readonly rows: readonly { state: StepState; depth: number }[];
  /** Nothing in it runs any more, so its lines are final. */
  readonly complete: boolean;
}

/** Groups the steps that aren't `printed` yet: parts go under their stage when that is a step itself. */
export function stepBlocks(board: StepBoard, printed: ReadonlySet<StepName>): StepBlock[] {
  const open = [...board.values()].filter(({ step }) => !printed.has(step));
  const heads = new Set<string>(open.map(({ step }) => step).filter((step) => !step.includes("/")));
  const isPart = ({ step }: StepState): boolean => step.includes("/") && heads.has(stageOf(step));
  return open
    .filter((state) => !isPart(state))
    .map((head) => {
      const parts = open.filter((state) => isPart(state) && stageOf(state.step) === head.step);
      return {
        rows: [{ state: head, depth: 0 }, ...parts.map((state) => ({ state, depth: 1 }))],
        complete: [head, ...parts].every(({ status }) => status !== "running"),
      };
    });
}

function stageOf(step: string): string {
  return step.slice(0, step.indexOf("/"));
}
