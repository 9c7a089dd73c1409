import type { OpenedDeb } from "./control-archive.ts";
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
  const unpacked: { deb: OpenedDeb; files: Promise<UnpackedFiles> }[] = [];
  const work = async () => {
    let lane: UnpackLane | undefined;
    for (let next = await packages.next(); !next.done; next = await packages.next()) {
      if (!lane) {
        lane = await UnpackLane.open(tree, signal);
        lanes.push(lane);
      }
      unpacked.push({ deb: next.value, ...(await lane.unpack(next.value)) });
      onUnpacked(next.value);
    }
    await lane?.close();
  };
  try {
    await Promise.all(Array.from({ length: LANES }, work));
  } catch (error) {
    for (const lane of lanes) lane.abandon();
    throw error;
  }
  return Promise.all(unpacked.map(async ({ deb, files }) => ({ deb, ...(await files) })));
}
