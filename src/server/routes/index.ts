import type { Route } from "../http/route.ts";
import { ADMINISTRATION_ROUTES } from "./administration.ts";
import { BUILD_ROUTES } from "./builds.ts";
import { IMAGE_ROUTES } from "./images.ts";
import { MACHINE_SNAPSHOT_ROUTES } from "./machine-snapshots.ts";
import { MACHINE_ROUTES } from "./machines.ts";
import { OIDC_ROUTES } from "./oidc.ts";
import { PEOPLE_ROUTES } from "./people.ts";
import { PROFILE_ROUTES } from "./profiles.ts";
import { RECIPE_ROUTES } from "./recipes.ts";
import { SYSTEM_ROUTES } from "./system.ts";

/** The whole API. */
export const ROUTES: readonly Route[] = [
  ...PEOPLE_ROUTES,
  ...OIDC_ROUTES,
  ...RECIPE_ROUTES,
  ...BUILD_ROUTES,
  ...IMAGE_ROUTES,
  ...MACHINE_ROUTES,
  ...MACHINE_SNAPSHOT_ROUTES,
  ...PROFILE_ROUTES,
  ...ADMINISTRATION_ROUTES,
  ...SYSTEM_ROUTES,
];
