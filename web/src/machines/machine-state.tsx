import type { Machine } from "../api/types.ts";
import type { IconName } from "../parts/icon.tsx";
import { Badge } from "../parts/states.tsx";

const BUSY: Record<NonNullable<Machine["busy"]>, string> = {
  create: "Being made",
  start: "Starting",
  stop: "Shutting down",
  restart: "Restarting",
  snapshot: "Taking a snapshot",
  restore: "Going back",
  remove: "Removing a snapshot",
};
const STATES: Record<Machine["state"], { text: string; kind: string; icon: IconName }> = {
  creating: { text: "Being made", kind: "active", icon: "clock" },
  running: { text: "Running", kind: "good", icon: "play" },
  stopped: { text: "Stopped", kind: "neutral", icon: "stop" },
  failed: { text: "Failed", kind: "bad", icon: "alert" },
};

/** How a machine is, in a word and a colour. */
export function MachineState({ machine }: { machine: Machine }) {
  if (machine.busy !== null)
    return (
      <Badge kind="active" icon="clock">
        {BUSY[machine.busy]}
      </Badge>
    );
  const { text, kind, icon } = STATES[machine.state];
  return (
    <Badge kind={kind} icon={icon}>
      {text}
    </Badge>
  );
}
