import { formatDeb822 } from "../../../model/deb822.ts";
import type { Lock } from "../../../model/package.ts";

/**
 * apt's record of what was installed only because something needed it, so that `apt autoremove` judges rightly later. It
 * files packages for all architectures under its own.
 */
export function extendedStates(lock: Lock, architecture: string): string {
  const manual = new Set(lock.manual);
  const automatic = lock.packages
    .filter(({ name }) => !manual.has(name))
    .sort((a, b) => a.name.localeCompare(b.name, "en"));
  return formatDeb822(
    automatic.map(
      ({ name }) =>
        new Map([
          ["Package", name],
          ["Architecture", architecture],
          ["Auto-Installed", "1"],
        ]),
    ),
  );
}
