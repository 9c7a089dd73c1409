import { VmbuilderError } from "../model/errors.ts";
import type { Plan } from "../model/plan.ts";
import { checkHostFor, failedChecks } from "../system/host-checks.ts";

/**
 * Checks that this machine can build, before anything is downloaded.
 *
 * @throws the code of the first thing that is missing; all of them are in its detail
 */
export async function checkHost(plan: Pick<Plan, "architecture">): Promise<void> {
  const failed = failedChecks(await checkHostFor(plan.architecture));
  const [first, ...others] = failed;
  if (!first) return;
  throw new VmbuilderError(first.code, first.message, {
    hint: first.hint,
    ...(others.length > 0
      ? { detail: others.map(({ message, hint }) => `also: ${message} (${hint})`).join("\n") }
      : {}),
  });
}
