import { DISTROS } from "../distros/index.ts";
import { ARCHITECTURES } from "../model/architecture.ts";
import { VmbuilderError } from "../model/errors.ts";
import type { Plan } from "../model/plan.ts";
import { hostArchitecture } from "../system/foreign-programs.ts";
import { checkForeignMachines, checkHostFor, failedChecks, type HostCheck } from "../system/host-checks.ts";
import { findDistro } from "./plan.ts";

/**
 * Checks that this machine can build, before anything is downloaded.
 *
 * @throws the code of the first thing that is missing; all of them are in its detail
 */
export async function checkHost(plan: Plan): Promise<void> {
  const files = findDistro(plan.recipe.distro).hostFiles.filter(
    ({ unless }) => unless === undefined || plan.recipe[unless] === undefined,
  );
  const failed = failedChecks(await checkHostFor(plan.architecture, files));
  const [first, ...others] = failed;
  if (!first) return;
  throw new VmbuilderError(first.code, first.message, {
    hint: first.hint,
    ...(others.length > 0
      ? { detail: others.map(({ message, hint }) => `also: ${message} (${hint})`).join("\n") }
      : {}),
  });
}

/** Looks at everything that any build could need of this host. */
export async function inspectHost(cacheDirectory: string): Promise<HostCheck[]> {
  // whoever builds one distribution needs no other's files
  const files = DISTROS.flatMap(({ title, hostFiles }, i) =>
    hostFiles.map((file) => (i === 0 ? file : { ...file, advisedFor: `builds of ${title}` })),
  );
  const others = ARCHITECTURES.filter((name) => name !== hostArchitecture());
  const [checks, ...foreign] = await Promise.all([
    checkHostFor(hostArchitecture(), files, cacheDirectory),
    ...others.map((name) => checkForeignMachines(name)),
  ]);
  return [...checks, ...foreign.flat()];
}
