import { rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { VmbuilderError } from "../model/errors.ts";
import { fileError, syncPath } from "../system/files.ts";
import { run } from "../system/process.ts";

/**
 * Makes linked images stand alone: what they take from the base in the cache is copied into them. Each is whole at every moment,
 * the old one or the new; a failure leaves it linked.
 *
 * @throws disk-full, command-failed, machine-running when a qemu has it open
 */
export async function flattenImages(directory: string, images: readonly string[], signal: AbortSignal): Promise<void> {
  for (const image of images) {
    const temporary = join(directory, `.${image}.flat`);
    try {
      await run(["qemu-img", "convert", "-O", "qcow2", join(directory, image), temporary], { signal });
      await syncPath(temporary);
      await rename(temporary, join(directory, image));
      await syncPath(directory);
    } catch (error) {
      if (error instanceof VmbuilderError && /lock/.test(error.detail ?? ""))
        throw new VmbuilderError("machine-running", `${join(directory, image)} is in use`, {
          hint: "stop the machine first",
          cause: error,
        });
      throw fileError(error, temporary);
    } finally {
      await rm(temporary, { force: true });
    }
  }
}
