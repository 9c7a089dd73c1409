import type { Command } from "commander";
import type { MachineSummary } from "../../../machines/describe.ts";
import { writeJsonLine } from "../../terminal/json-lines.ts";
import { formatTable } from "../../terminal/table.ts";
import { findMachine } from "./shared.ts";

/** Adds `vmbuilder ls` and `info`. */
export function addList(program: Command): void {
  program
    .command("ls")
    .description("Lists the machines.")
    .option("--names", "names alone, which completion asks for")
    .option("--json", "a line of JSON for each")
    .action(list);
  program
    .command("info")
    .argument("<MACHINE>")
    .description("Tells all about a machine.")
    .option("--json", "as one line of JSON")
    .action(info);
}

async function list({ json, names }: { json?: boolean; names?: boolean }): Promise<void> {
  const { listMachines, machineNames, openStore } = await import("../../../machines/store.ts");
  const store = await openStore();
  if (names) {
    process.stdout.write((await machineNames(store)).map((name) => `${name}\n`).join(""));
    return;
  }
  const { describeState } = await import("../../../machines/describe.ts");
  const machines = await Promise.all((await listMachines(store)).map(describeState));
  if (json) for (const one of machines) writeJsonLine(process.stdout, one);
  else if (machines.length === 0) process.stdout.write("there is no machine; make one: vmbuilder up RECIPE\n");
  else process.stdout.write(`${formatTable(COLUMNS, machines.map(row), process.stdout.columns).join("\n")}\n`);
}

const COLUMNS = [
  { heading: "NAME" },
  { heading: "STATE" },
  { heading: "SSH", align: "right" },
  { heading: "MEMORY", align: "right" },
  { heading: "DISK", align: "right" },
  { heading: "FROM", flexible: true },
] as const;

function row(one: MachineSummary): string[] {
  return [
    one.name,
    one.ended ? `${one.state} (${one.ended})` : one.state,
    one.sshPort === undefined ? "-" : String(one.sshPort),
    `${one.memoryMb} MB`,
    `${Math.ceil(one.diskBytes / 1e6)} MB`,
    one.origin,
  ];
}

async function info(name: string, { json }: { json?: boolean }): Promise<void> {
  const { machine } = await findMachine(name);
  const { describeMachineFully } = await import("../../../machines/describe.ts");
  const all = await describeMachineFully(machine);
  const lines = Object.entries(all).filter(([, value]) => value !== undefined && String(value) !== "");
  const width = Math.max(...lines.map(([key]) => key.length));
  const text = (value: unknown) => (typeof value === "object" ? JSON.stringify(value) : String(value));
  if (json) writeJsonLine(process.stdout, all);
  else process.stdout.write(lines.map(([key, value]) => `${key.padEnd(width)}  ${text(value)}\n`).join(""));
}
