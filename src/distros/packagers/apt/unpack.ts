import { codecOf } from "../../../system/decompress.ts";
import { runHostProgramInGuest } from "../../../system/guest.ts";
import { conffilesOf, type OpenedDeb } from "./control-archive.ts";
import type { UnpackedPackage } from "./dpkg-database.ts";
import { type UnpackedFiles, UnpackLane } from "./unpack-lane.ts";

const LANES = 2;

/**
 * Unpacks packages into a tree side by side, taking them as they come.
 *
 * @param packages yields each package when it may be unpacked
 * @param onUnpacked called when a package's bytes have been handed over
 */
export async function unpackPackages(
  tree: string,
  packages: AsyncIterator<OpenedDeb>,
  signal: AbortSignal,
  onUnpacked: (deb: OpenedDeb) => void,
): Promise<UnpackedPackage[]> {
  const lanes: UnpackLane[] = [];
  const work = async () => {
    const own = new Map<string, UnpackLane>();
    for (let next = await packages.next(); !next.done; next = await packages.next()) {
      const codec = codecOf(next.value.layout.data.name);
      let lane = own.get(codec);
      if (!lane) {
        lane = await UnpackLane.openFor(next.value, tree, signal);
        own.set(codec, lane);
        lanes.push(lane);
      }
      await lane.unpack(next.value);
      onUnpacked(next.value);
    }
    return (await Promise.all([...own.values()].map((lane) => lane.close()))).flat();
  };
  try {
    const files = (await Promise.all(Array.from({ length: LANES }, work))).flat();
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
