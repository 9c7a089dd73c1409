import { computed, effect, signal } from "@preact/signals";
import { ApiError, send } from "../api/client.ts";
import type { Check, PlanAnswer, Problem } from "../api/types.ts";
import { files, request, values, yamlMistake } from "./draft.ts";
import { FILE_KEYS } from "./texts.ts";

/** What the server says about the draft: its mistakes, then its plan. */
export type PlanState =
  | { readonly state: "checking" }
  | { readonly state: "wrong" }
  | { readonly state: "planned"; readonly plan: PlanAnswer }
  | { readonly state: "failed"; readonly problem: Problem };

export const planState = signal<PlanState>({ state: "checking" });
const found = signal<readonly Problem[]>([]);

const CHECK_AFTER_MS = 150;
const PLAN_AFTER_MS = 600;
const TOO_MANY_MS = 5000;

/** Files that the recipe names and nobody has given yet. */
export const missingFiles = computed<readonly Problem[]>(() =>
  [...FILE_KEYS].flatMap((key) =>
    [values.value[key] ?? []]
      .flat()
      .flatMap((name) =>
        typeof name === "string" && !Object.hasOwn(files.value, name)
          ? [{ code: "file-missing", message: `${name} is missing: choose or write the file`, path: [key] }]
          : [],
      ),
  ),
);

/** All that is wrong with the draft now. */
export const problems = computed<readonly Problem[]>(() => [
  ...missingFiles.value,
  ...found.value.filter(({ path }) => !missingFiles.value.some((missing) => missing.path?.[0] === path?.[0])),
]);

/** What is wrong with one value; `prefix` leads to it. */
export function problemAt(prefix: readonly (string | number)[]): string | undefined {
  const problem = problems.value.find(({ path }) => prefix.every((part, at) => String(path?.[at]) === String(part)));
  return problem && explain(problem);
}

/** A problem in a sentence or two, without the place that its field shows already. */
export function explain({ message, hint, path }: Problem): string {
  const key = path?.map(String).join(".");
  const plain = message.replace(/^[^\s:]+:\d+:\d+: /, "");
  const text = key && plain.startsWith(`${key}: `) ? plain.slice(key.length + 2) : plain;
  return hint ? `${text} – ${hint}` : text;
}

/** Puts the mistakes that a refused build named at their fields. */
export function takeProblem(problem: Problem): void {
  found.value = [problem];
  planState.value = problem.path ? { state: "wrong" } : { state: "failed", problem };
}

/** Checks the draft whenever it changes, and plans it when it is right. Returns what ends that. */
export function followDraft(): () => void {
  let controller = new AbortController();
  const stop = effect(() => {
    const body = request.value;
    controller.abort();
    controller = new AbortController();
    if (yamlMistake.value) planState.value = { state: "wrong" };
    else void judge(body, missingFiles.value.length > 0, controller.signal);
  });
  return () => {
    stop();
    controller.abort();
  };
}

async function judge(body: typeof request.value, lacksFiles: boolean, signal: AbortSignal): Promise<void> {
  try {
    await pause(CHECK_AFTER_MS, signal);
    const check = await send<Check>("POST", "recipes/check", body, { signal });
    found.value = check.problems;
    if (!check.isValid || lacksFiles) {
      planState.value = { state: "wrong" };
      return;
    }
    planState.value = { state: "checking" };
    await pause(PLAN_AFTER_MS, signal);
    planState.value = { state: "planned", plan: await send<PlanAnswer>("POST", "plans", body, { signal }) };
  } catch (error) {
    if (signal.aborted) return;
    if (error instanceof ApiError && error.status === 429) {
      await pause(TOO_MANY_MS, signal).then(
        () => judge(body, lacksFiles, signal),
        () => undefined,
      );
      return;
    }
    const problem = error instanceof ApiError ? error.problem : { code: "unknown", message: String(error) };
    if (problem.path?.length) takeProblem(problem);
    else planState.value = { state: "failed", problem };
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
  });
}
