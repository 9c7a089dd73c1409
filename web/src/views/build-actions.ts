import { ApiError, send } from "../api/client.ts";
import type { Build } from "../api/types.ts";
import { takeBuild } from "../state/live.ts";
import { notify } from "../state/notices.ts";
import { go } from "../state/router.ts";

/** Stops a build. */
export async function cancelBuild({ id }: Build): Promise<void> {
  takeBuild(await send<Build>("POST", `builds/${encodeURIComponent(id)}/cancel`));
}

/** Builds once more from the same recipe; when its passwords are gone, the form asks for them. */
export async function repeatBuild(id: string, origin = `builds/${id}`): Promise<void> {
  try {
    const build = await send<Build>("POST", `builds/${encodeURIComponent(id)}/retry`);
    takeBuild(build);
    go(`/builds/${encodeURIComponent(build.id)}`);
  } catch (error) {
    if (!(error instanceof ApiError && (error.problem.code === "gone" || error.status === 404))) throw error;
    go(editAddress(origin));
  }
}

/** Forgets a build that has ended; its image stays. */
export async function forgetBuild({ id, name }: Build): Promise<void> {
  await send("DELETE", `builds/${encodeURIComponent(id)}`);
  notify(`The build of ${name} is forgotten`);
}

/** Where the recipe of a build, image or profile can be edited and built again: `builds/42`. */
export function editAddress(origin: string): string {
  return `/new?from=${encodeURIComponent(origin)}`;
}
