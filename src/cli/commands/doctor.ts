import type { Command } from "commander";
import { VmbuilderError } from "../../model/errors.ts";
import { createPaint, wantsColor } from "../terminal/color.ts";
import { writeJsonLine } from "../terminal/json-lines.ts";

interface DoctorOptions {
  cacheDir?: string;
  json?: boolean;
}

/** Adds `vmbuilder doctor`. */
export function addDoctor(program: Command): void {
  program
    .command("doctor")
    .description("Checks this host and names what is missing.")
    .option("--cache-dir <DIR>", "cache (default ~/.cache/vmbuilder)")
    .option("--json", "print one JSON object")
    .action((options: DoctorOptions) => doctor(options));
}

async function doctor({ json, cacheDir }: DoctorOptions): Promise<void> {
  const [{ inspectHost }, { failedChecks }, { defaultCacheDirectory }] = await Promise.all([
    import("../../stages/check-host.ts"),
    import("../../system/host-checks.ts"),
    import("../../core/cache.ts"),
  ]);
  const checks = await inspectHost(cacheDir ?? defaultCacheDirectory());
  if (json) writeJsonLine(process.stdout, { type: "doctor", ok: failedChecks(checks).length === 0, checks });
  else {
    const paint = createPaint(wantsColor(process.stdout, process.env));
    for (const { ok, required, message, hint } of checks) {
      const mark = ok ? paint("green", "ok     ") : required ? paint("red", "missing") : paint("yellow", "advice ");
      process.stdout.write(`${mark}  ${message}\n${ok ? "" : `         ${hint}\n`}`);
    }
  }
  const failed = failedChecks(checks);
  if (failed.length > 0) {
    throw new VmbuilderError(
      "host-unfit",
      `${failed.length} thing${failed.length > 1 ? "s are" : " is"} missing on this host`,
      { hint: "do what stands above, then run it again" },
    );
  }
}
