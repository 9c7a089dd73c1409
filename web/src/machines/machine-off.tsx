import type { Machine } from "../api/types.ts";
import { Button } from "../parts/button.tsx";
import { Icon } from "../parts/icon.tsx";
import { act } from "./machine-actions.ts";

/** What stands where a console would be while the machine doesn't run. */
export function MachineOff({ machine }: { machine: Machine }) {
  const { state, busy, can } = machine;
  return (
    <div class="dark-box off">
      <Icon name="power" />
      <p>{busy !== null || state === "creating" ? "In a moment …" : "The machine does not run."}</p>
      {state === "stopped" && busy === null && can.control && (
        <Button kind="primary" icon="play" onPress={() => act(machine, "start")}>
          Start it
        </Button>
      )}
    </div>
  );
}
