import * as z from "zod";
import { describeState, type MachineSummary } from "../../machines/describe.ts";
import type { Machine } from "../../machines/machine.ts";
import { readMachine } from "../../machines/store.ts";
import { failuresOf } from "../../model/test-run.ts";
import { MACHINE_ACTIONS } from "../machines/machine-tasks.ts";
import type { ServerContext } from "../server-context.ts";
import type { ServedMachine } from "../store/machines.ts";
import type { User } from "../store/users.ts";
import { isoTime, mayEdit } from "./views.ts";

const count = z.int().min(0);
export const machineViewSchema = z
  .object({
    id: z.string(),
    owner: z.string(),
    name: z.string(),
    isShared: z.boolean(),
    createdAt: z.iso.datetime(),
    image: z.object({ id: z.string(), name: z.string() }),
    distro: z.string(),
    suite: z.string(),
    architecture: z.string(),
    memoryMb: count,
    cpus: count,
    diskBytes: count,
    state: z.enum(["creating", "stopped", "running", "failed"]),
    busy: z.enum(MACHINE_ACTIONS).nullable(),
    ended: z.string().nullable(),
    startedAt: z.iso.datetime().nullable(),
    accelerator: z.enum(["kvm", "tcg"]).nullable(),
    hasScreen: z.boolean(),
    error: z
      .object({ code: z.string(), message: z.string(), hint: z.string().nullable(), detail: z.string().nullable() })
      .nullable(),
    tests: z.object({
      count,
      isRunning: z.boolean(),
      last: z.object({ at: z.iso.datetime(), passed: count, failed: count }).nullable(),
    }),
    /** Ports of the server's loopback; null for what does not run. Nothing for those who may only look. */
    ssh: z.object({ hostPort: z.int() }).nullable(),
    ports: z.array(z.object({ port: z.int(), hostPort: z.int().nullable() })),
    can: z.object({ control: z.boolean() }),
  })
  .meta({ id: "Machine" });

/** A machine as people get it. */
export type MachineView = z.output<typeof machineViewSchema>;

/** Looks at a machine once, for all who may see it. */
export async function prepareMachine(
  machine: ServedMachine,
  { machines: { store, tasks } }: Pick<ServerContext, "machines">,
): Promise<(user: User) => MachineView> {
  const { id, owner, name, isShared, isMade, imageId, facts, error, testRun } = machine;
  const { distro, suite, architecture, memoryMb, cpus, imageName } = facts;
  // Asked for first: what has just ended shows in the state that is read after it.
  const busy = tasks.busy(id) ?? null;
  const made = isMade ? await readMachine(store, id).catch(() => undefined) : undefined;
  const summary = made && (await describeState(made));
  const failed = testRun ? failuresOf(testRun).length : 0;
  const last = testRun && {
    ...{ at: testRun.startedAt, failed, passed: testRun.outcomes.length - failed },
  };
  const view = {
    ...{ id, owner, name, isShared, distro, suite, architecture, memoryMb, cpus },
    createdAt: isoTime(machine.createdAt),
    image: { id: imageId, name: imageName },
    diskBytes: summary?.diskBytes ?? machine.diskBytes,
    state: summary?.state ?? (isMade || (error && !busy) ? ("failed" as const) : ("creating" as const)),
    busy,
    ...runOf(summary),
    hasScreen: architecture === "amd64",
    error,
    tests: { count: facts.tests, isRunning: tasks.isTesting(id), last },
  };
  const ways = waysIn(made, summary);
  return (user) => {
    const control = mayEdit(machine, user);
    return { ...view, ...(control ? ways : { ssh: null, ports: [] }), can: { control } };
  };
}

/** By which ports of the host one gets in. */
function waysIn(made: Machine | undefined, summary: MachineSummary | undefined): Pick<MachineView, "ssh" | "ports"> {
  const open = summary?.forwards ?? [];
  return {
    ssh: summary?.sshPort === undefined ? null : { hostPort: summary.sshPort },
    ports: (made?.forwards ?? []).map(({ guest: port }) => {
      return { port, hostPort: open.find(({ guest }) => guest === port)?.host ?? null };
    }),
  };
}

function runOf(summary: MachineSummary | undefined): Pick<MachineView, "ended" | "startedAt" | "accelerator"> {
  const { ended = null, startedAt = null, accelerator } = summary ?? {};
  return { ended, startedAt, accelerator: accelerator === "kvm" || accelerator === "tcg" ? accelerator : null };
}

/** A machine, as somebody sees it. */
export async function showMachine(
  machine: ServedMachine,
  user: User,
  server: Pick<ServerContext, "machines">,
): Promise<MachineView> {
  return (await prepareMachine(machine, server))(user);
}
