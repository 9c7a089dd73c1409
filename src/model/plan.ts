import type { Recipe } from "./recipe.ts";
import type { DiskPlan } from "./storage-plan.ts";

/** Everything that a build will do, decided before anything is touched. */
export interface Plan {
  readonly recipe: Recipe;
  readonly suite: string;
  readonly architecture: "amd64" | "arm64";
  readonly packages: PackageRequest;
  readonly disk: DiskPlan;
  /** Absolute path of the result folder. */
  readonly destination: string;
}

/** Which packages to ask the solver for. */
export interface PackageRequest {
  /** Whole priorities of the archive that are wanted. */
  readonly priorities: readonly string[];
  readonly include: readonly string[];
  readonly exclude: readonly string[];
}
