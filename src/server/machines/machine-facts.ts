import { recipeSchema } from "../../model/recipe.ts";
import { readMachineRecord } from "../../stages/record.ts";
import type { ServerContext } from "../server-context.ts";
import type { Image } from "../store/images.ts";
import type { MachineFacts } from "../store/machines.ts";
import type { MachineSize } from "./machine-actions.ts";

/** What a machine from an image will be. @throws machine-invalid */
export async function planFacts(
  image: Image,
  { memoryMb, cpus }: Omit<MachineSize, "hostname">,
  { folder }: Pick<ServerContext, "folder">,
): Promise<MachineFacts> {
  const { build } = await readMachineRecord(folder.image(image.id));
  const { distro, suite, architecture } = image.facts;
  return {
    ...{ imageName: image.name, distro, suite, architecture },
    ...{ memoryMb: memoryMb ?? build.recipe.mem, cpus: cpus ?? build.recipe.cpus },
    tests: recipeSchema.shape.tests.parse(build.recipe.tests).length,
  };
}
