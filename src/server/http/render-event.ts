import type { ServerContext } from "../server-context.ts";
import type { StoredEvent } from "../store/events.ts";
import { findImage } from "../store/images.ts";
import { findServedMachine } from "../store/machines.ts";
import { findProfile } from "../store/profiles.ts";
import type { ShowEvent } from "./event-feed.ts";
import { prepareMachine } from "./machine-view.ts";
import { maySee, showBuild, showImage } from "./views.ts";

/** What people get of an event: builds and images as they are now, and nothing of what they may not see. */
export async function prepareEvent({ type, subject, data }: StoredEvent, server: ServerContext): Promise<ShowEvent> {
  if (type === "image") {
    const image = findImage(server.database, subject);
    return (user) => (image && maySee(image, user) ? { event: type, data: showImage(image, user, server) } : undefined);
  }
  if (type === "machine") {
    const machine = findServedMachine(server.database, subject);
    const show = machine && (await prepareMachine(machine, server));
    return (user) => (machine && show && maySee(machine, user) ? { event: type, data: show(user) } : undefined);
  }
  if (type === "removed") {
    const { kind, id, owner, isShared } = data as { kind: string; id: string; owner: string; isShared: boolean };
    return (user) => (maySee({ owner, isShared }, user) ? { event: type, data: { kind, id } } : undefined);
  }
  if (type === "profile") {
    const profile = findProfile(server.database, subject);
    return (user) => (!profile || maySee(profile, user) ? { event: type, data } : undefined);
  }
  const job = await server.jobs.get(subject);
  const position = job?.state === "queued" ? await server.jobs.position(subject) : undefined;
  return (user) => {
    if (!job || !maySee(job, user)) return undefined;
    return { event: type, data: type === "build" ? showBuild(job, user, position) : data };
  };
}
