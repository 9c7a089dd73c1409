import { signal } from "@preact/signals";
import { apiUrl, get } from "../api/client.ts";
import type { Build, Image, List, Machine, Profile, Progress } from "../api/types.ts";

/** Builds, images, machines and profiles as the server has them; undefined until they were loaded. Kept up to date by its events. */
export const builds = signal<readonly Build[] | undefined>(undefined);
export const images = signal<readonly Image[] | undefined>(undefined);
export const removedImages = signal<readonly Image[]>([]);
export const machines = signal<readonly Machine[] | undefined>(undefined);
export const profiles = signal<readonly Profile[] | undefined>(undefined);
/** False while the connection to the server is lost. */
export const isConnected = signal(true);

const RETRY_MS = 3000;
let source: EventSource | undefined;

/** Loads the lists and follows the server's events; called after login. */
export async function followServer(): Promise<void> {
  source?.close();
  source = new EventSource(apiUrl("events"));
  const on = <Data>(event: string, take: (data: Data) => void) =>
    source?.addEventListener(event, ({ data }: MessageEvent<string>) => take(JSON.parse(data) as Data));
  on("build", takeBuild);
  on("image", takeImage);
  on("machine", takeMachine);
  on<{ buildId: string; progress: Progress }>("progress", ({ buildId, progress }) => {
    builds.value = builds.value?.map((build) => (build.id === buildId ? { ...build, progress } : build));
  });
  on<{ kind: "build" | "image" | "machine"; id: string }>("removed", ({ kind, id }) => {
    if (kind === "build") builds.value = without(builds.value, id);
    else if (kind === "machine") forgetMachine(id);
    else forgetImage(id);
  });
  on("profile", () => void loadProfiles().catch(() => undefined));
  on("reset", () => void loadAll().catch(() => undefined));
  source.addEventListener("open", () => {
    if (!isConnected.value) void loadAll().catch(() => undefined);
    isConnected.value = true;
  });
  source.addEventListener("error", () => {
    isConnected.value = false;
    // A refused stream is not tried again by the browser. When the session has ended, the question says so.
    if (source?.readyState === EventSource.CLOSED)
      setTimeout(
        () =>
          void get("session")
            .then(() => source && followServer())
            .catch(() => undefined),
        RETRY_MS,
      );
  });
  await loadAll();
}

/** Stops following, and forgets what belongs to the user. */
export function stopFollowing(): void {
  source?.close();
  source = undefined;
  isConnected.value = true;
  builds.value = images.value = machines.value = profiles.value = undefined;
  removedImages.value = [];
}

/** Puts a build that came as an answer or event in its place. */
export function takeBuild(build: Build): void {
  const known = builds.value ?? [];
  builds.value = known.some(({ id }) => id === build.id)
    ? known.map((other) => (other.id === build.id ? build : other))
    : [build, ...known];
}

/** Likewise for an image, which may have been removed or restored. */
export function takeImage(image: Image): void {
  const place = (list: readonly Image[] | undefined, belongs: boolean) => {
    const rest = without(list, image.id) ?? [];
    return belongs ? [...rest, image].sort((a, b) => b.createdAt.localeCompare(a.createdAt)) : rest;
  };
  images.value = place(images.value, image.removedAt === null);
  removedImages.value = place(removedImages.value, image.removedAt !== null);
}

/** Likewise for a machine. */
export function takeMachine(machine: Machine): void {
  const rest = without(machines.value, machine.id) ?? [];
  machines.value = [...rest, machine].sort((a, b) => b.createdAt.localeCompare(a.createdAt));
}

/** Takes a machine out of the list. */
export function forgetMachine(id: string): void {
  machines.value = without(machines.value, id);
}

/** Takes an image out of both lists. */
export function forgetImage(id: string): void {
  images.value = without(images.value, id);
  removedImages.value = without(removedImages.value, id) ?? [];
}

/** Loads the profiles anew. */
export async function loadProfiles(): Promise<void> {
  profiles.value = await getAll<Profile>("profiles");
}

async function loadAll(): Promise<void> {
  const [allBuilds, present, removed, allMachines] = await Promise.all([
    getAll<Build>("builds"),
    getAll<Image>("images"),
    getAll<Image>("images?removed=true"),
    getAll<Machine>("machines"),
    loadProfiles(),
  ]);
  builds.value = allBuilds;
  machines.value = allMachines;
  images.value = present.filter(({ removedAt }) => removedAt === null);
  removedImages.value = removed.filter(({ removedAt }) => removedAt !== null);
}

/** All parts of a list, up to a thousand items. */
export async function getAll<Item>(path: string): Promise<readonly Item[]> {
  const items: Item[] = [];
  let cursor: string | null = null;
  do {
    const query: string = `${path.includes("?") ? "&" : "?"}limit=200${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`;
    const part: List<Item> = await get(`${path}${query}`);
    items.push(...part.items);
    cursor = part.next;
  } while (cursor && items.length < 1000);
  return items;
}

function without<Item extends { readonly id: string }>(
  list: readonly Item[] | undefined,
  id: string,
): readonly Item[] | undefined {
  return list?.filter((item) => item.id !== id);
}
