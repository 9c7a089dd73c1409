import { type Command, Option } from "commander";
import { formatBytes } from "../../model/size.ts";
import type { ImageDriver } from "../../system/foreign-image.ts";
import { splitList } from "../options.ts";
import { runSession } from "../session.ts";
import { writeJsonLine } from "../terminal/json-lines.ts";

interface ConvertOptions {
  format: string[];
  inputFormat?: string;
  dest?: string;
  overwrite?: boolean;
  json?: boolean;
  quiet?: boolean;
}

/** qemu's names for what is known by others. */
const DRIVERS: Readonly<Record<string, ImageDriver>> = {
  qcow2: "qcow2",
  raw: "raw",
  vmdk: "vmdk",
  vdi: "vdi",
  vhdx: "vhdx",
  vhd: "vpc",
};

/** Adds `vmbuilder convert`. */
export function addConvert(program: Command): void {
  program
    .command("convert")
    .argument("<IMAGE>", "disk image that exists, or OVA")
    .description("Converts a disk image to other formats.")
    .addOption(
      new Option("--format <NAME,...>", "formats to make: qcow2, raw, vmdk, vdi, ...; required")
        .argParser((value: string, earlier: string[] | undefined) => [...(earlier ?? []), ...splitList(value)])
        .makeOptionMandatory(),
    )
    .addOption(
      new Option("--input-format <NAME>", "format of IMAGE (default by its name)").choices(Object.keys(DRIVERS)),
    )
    .option("-d, --dest <DIR>", "folder for the results (default IMAGE's)")
    .option("-o, --overwrite", "replace files that exist")
    .option("--json", "events and result as lines of JSON")
    .option("-q, --quiet", "only warnings and errors")
    .action((image: string, options: ConvertOptions) => convert(image, options));
}

async function convert(image: string, options: ConvertOptions): Promise<void> {
  const { convertForeignImage, sizesOf } = await import("../../stages/convert-image.ts");
  const made = await runSession({ json: options.json, quiet: options.quiet }, ({ signal, emit }) =>
    convertForeignImage({
      image,
      driver: options.inputFormat === undefined ? undefined : DRIVERS[options.inputFormat],
      formats: options.format,
      directory: options.dest,
      overwrite: options.overwrite ?? false,
      signal,
      emit,
    }),
  );
  const files = await sizesOf(made);
  if (options.json) writeJsonLine(process.stdout, { type: "result", files });
  else if (!options.quiet)
    process.stdout.write(files.map(({ path, sizeBytes }) => `${path}  ${formatBytes(sizeBytes)}\n`).join(""));
}
