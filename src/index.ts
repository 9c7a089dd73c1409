/**
 * The library: what the command line does, for programs.
 *
 * @example
 * const recipe = await readRecipe("web.yaml", { hostname: "web2" });
 * const plan = await planBuild(recipe);
 * const result = await buildMachine(plan, { cacheDirectory, overwrite: false, signal, emit: console.log });
 */
export { defaultCacheDirectory, openCache } from "./core/cache.ts";
export {
  type CacheEntry,
  collectGarbage,
  type GarbageRules,
  listCache,
  verifyCache,
} from "./core/cache-maintenance.ts";
export { readRecipe } from "./core/recipe-file.ts";
export { chooseAccelerator } from "./machines/accelerator.ts";
export { type Clone, type CloneRequest, cloneMachine } from "./machines/clone.ts";
export { type CreateRequest, createMachine } from "./machines/create.ts";
export { describeMachineFully, describeState, type MachineSummary } from "./machines/describe.ts";
export { type ExecOptions, type ExecResult, execInMachine } from "./machines/exec.ts";
export type { Machine, MachineRun } from "./machines/machine.ts";
export { type RunningMachine, runningMachine } from "./machines/running.ts";
export { waitForSsh } from "./machines/ssh.ts";
export { startMachine } from "./machines/start.ts";
export { type MachineStatus, machineStatus } from "./machines/status.ts";
export { removeMachine, type StopOptions, stopMachine } from "./machines/stop.ts";
export { listMachines, type MachineStore, openStore, readMachine } from "./machines/store.ts";
export { startAndWait, type UpMachine, type UpRequest, upMachine } from "./machines/up.ts";
export { ERROR_TABLE, type ErrorCode, VmbuilderError } from "./model/errors.ts";
export type { BuildEvent, EventSink, Stage, StepName } from "./model/events.ts";
export type { Plan } from "./model/plan.ts";
export { type Recipe, type RecipeInput, recipeSchema } from "./model/recipe.ts";
export { type BuildOptions, type BuildResult, buildMachine } from "./stages/build.ts";
export { inspectHost } from "./stages/check-host.ts";
export { readLock, writeLock } from "./stages/lock.ts";
export { planBuild } from "./stages/plan.ts";
export type { HostCheck } from "./system/host-checks.ts";
