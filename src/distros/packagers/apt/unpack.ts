import type { Slots } from "../../../core/slots.ts";
import { codecOf } from "../../../system/decompress.ts";
import { runHostProgramInGuest } from "../../../system/guest.ts";
import { conffilesOf, type OpenedDeb } from "./control-archive.ts";
import type { UnpackedPackage } from "./dpkg-database.ts";
import { type UnpackedFiles, UnpackLane } from "./unpack-lane.ts";

/** Packages that are unpacked at the same time, whatever they belong to. */
export const UNPACK_SLOTS = 2;

/** What unpacking needs beside the packages. */
export interface Unpacking {
  readonly tree: string;
  readonly slots: Slots;
  readonly signal: AbortSignal;
  /** Called when a package's bytes have been handed over. */
  readonly onUnpacked: (deb: OpenedDeb) => void;
}

/**
 * Unpacks packages into a tree side by side, taking them as they come.
 *
 * @param packages yields each package when it may be unpacked
 * @param laneCount how many of them may be under way at once; other groups may share the slots
 * @param niceness of their programs
 */
export async function unpackPackages(
  { tree, slots, signal, onUnpacked }: Unpacking,
  packages: AsyncIterator<OpenedDeb>,
  laneCount: number,
  niceness?: number,
): Promise<UnpackedPackage[]> {
  const lanes: UnpackLane[] = [];
  const work = async () => {
    const own = new Map<string, UnpackLane>();
    for (let next = await packages.next(); !next.done; next = await packages.next()) {
      const codec = codecOf(next.value.layout.data.name);
      let lane = own.get(codec);
      if (!lane) {
        lane = await UnpackLane.openFor(next.value, tree, { signal, niceness });
        own.set(codec, lane);
        lanes.push(lane);
      }
      const current = lane;
      await slots.run(() => current.unpack(next.value));
      onUnpacked(next.value);
    }
    return (await Promise.all([...own.values()].map((lane) => lane.close()))).flat();
  };
  try {
    const files = (await Promise.all(Array.from({ length: laneCount }, work))).flat();
    return await addConffileHashes(tree, files, signal);
  } catch (error) {
    for (const lane of lanes) lane.abandon();
    throw error;
  }
}

/** The MD5 by which dpkg tells later whether a configuration file was changed. */
async function addConffileHashes(
  tree: string,
  unpacked: readonly UnpackedFiles[],
  signal: AbortSignal,
): Promise<UnpackedPackage[]> {
  const conffiles = unpacked.flatMap(({ deb, paths }) => {
    const shipped = new Set(paths);
    return conffilesOf(deb).filter((path) => shipped.has(path));
  });
  const md5 = conffiles.length === 0 ? new Map<string, string>() : await hashFiles(tree, conffiles, signal);
  return unpacked.map((one) => ({ ...one, conffileMd5: md5 }));
}

async function hashFiles(tree: string, paths: readonly string[], signal: AbortSignal): Promise<Map<string, string>> {
  const { stdout } = await runHostProgramInGuest(tree, ["md5sum", "--zero", "--", ...paths], { signal });
  return new Map(stdout.split("\0").map((line) => [line.slice(34), line.slice(0, 32)]));
}
