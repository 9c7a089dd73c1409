import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestOutcome, TestRun } from "../model/test-run.ts";
import { connectQmp } from "../system/qmp.ts";
import { consoleTail } from "./console-log.ts";
import { MACHINE_FILES, type Machine } from "./machine.ts";

/** What a machine showed when something failed. */
export type Evidence = TestRun["evidence"];

const CONSOLE_LINES = 400;

/** The console's text and a picture of the screen, when something failed. */
export async function gatherEvidence(machine: Machine, outcomes: readonly TestOutcome[]): Promise<Evidence> {
  if (outcomes.every(({ failure }) => failure === undefined)) return undefined;
  return { console: await consoleTail(machine, CONSOLE_LINES), screenPng: await photograph(machine) };
}

/** The machine's screen as PNG in base64; undefined when it doesn't run any more, or its qemu writes no PNG. */
async function photograph({ directory }: Machine): Promise<string | undefined> {
  const scratch = await mkdtemp(join(tmpdir(), "vmbuilder-screen-"));
  const qmp = await connectQmp(directory, MACHINE_FILES.qmp, 5000).catch(() => undefined);
  try {
    const filename = join(scratch, "screen.png");
    await qmp?.execute("screendump", { filename, format: "png" });
    return (await readFile(filename)).toString("base64");
  } catch {
    return undefined;
  } finally {
    qmp?.close();
    await rm(scratch, { recursive: true, force: true });
  }
}
