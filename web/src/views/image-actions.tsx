import { send } from "../api/client.ts";
import type { Image } from "../api/types.ts";
import { forgetImage, takeImage } from "../state/live.ts";
import { notify, notifyError } from "../state/notices.ts";

/** Removes an image; for a while it can be brought back. */
export async function removeImage(image: Image): Promise<void> {
  takeImage(await send<Image>("DELETE", path(image)));
  notify(`${image.name} was removed`, {
    label: "Undo",
    run: () => void restoreImage(image).catch(notifyError),
  });
}

/** Brings a removed image back. */
export async function restoreImage(image: Image): Promise<void> {
  takeImage(await send<Image>("POST", `${path(image)}/restore`));
  notify(`${image.name} is back`);
}

/** Removes an image for good, at once. */
export async function purgeImage(image: Image): Promise<void> {
  await send("DELETE", `${path(image)}?now=true`);
  forgetImage(image.id);
  notify(`${image.name} is gone for good`);
}

/** Lets everybody on this server see an image, or not. */
export async function shareImage(image: Image, isShared: boolean): Promise<void> {
  takeImage(await send<Image>("PATCH", path(image), { isShared }));
}

function path({ id }: Image): string {
  return `images/${encodeURIComponent(id)}`;
}
