import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { get } from "../api/client.ts";
import type { List, Machine, Snapshot } from "../api/types.ts";
import { Button } from "../parts/button.tsx";
import { ConfirmButton } from "../parts/confirm.tsx";
import { formatAgo, formatDate } from "../parts/format.ts";
import { TextField } from "../parts/input.tsx";
import { Badge, Loading } from "../parts/states.tsx";
import { notifyError } from "../state/notices.ts";
import { act, machinePath, removeSnapshot } from "./machine-actions.ts";

/** States that a machine can be put back to. */
export function Snapshots({ machine }: { machine: Machine }) {
  const { busy, state, can } = machine;
  const snapshots = useSignal<readonly Snapshot[] | undefined>(undefined);
  const path = machinePath(machine, "/snapshots");
  const isMade = state === "running" || state === "stopped";
  useEffect(() => {
    if (busy !== null || !isMade) return;
    void get<List<Snapshot>>(path).then(({ items }) => {
      snapshots.value = items;
    }, notifyError);
  }, [path, busy, isMade, snapshots]);
  return (
    <div class="view-body">
      {can.control && isMade && <NewSnapshot machine={machine} />}
      {snapshots.value === undefined && <Loading rows={1} />}
      {snapshots.value?.length === 0 && <p class="note">There is none yet.</p>}
      <ul class="plain-list snapshots" aria-label="Snapshots">
        {snapshots.value?.map((one) => (
          <li key={one.name}>
            <div class="row-main">
              <strong>{one.name}</strong>
              <span class="note" title={formatDate(one.createdAt)}>
                {formatAgo(one.createdAt)}
              </span>
            </div>
            {one.hasMemory && <Badge icon="bolt">with memory</Badge>}
            {can.control && (
              <div class="actions">
                <ConfirmButton
                  size="small"
                  icon="redo"
                  text="Go back"
                  label={`Go back to ${one.name}`}
                  title={`Go back to ${one.name}?`}
                  onConfirm={() => act(machine, `snapshots/${encodeURIComponent(one.name)}/restore`)}
                >
                  <p>What has changed since then is lost.</p>
                  <p>{one.hasMemory ? "The machine goes on from there." : "The machine is stopped then."}</p>
                </ConfirmButton>
                <Button
                  size="small"
                  kind="quiet"
                  icon="trash"
                  iconOnly
                  label={`Remove the snapshot ${one.name}`}
                  disabled={busy !== null}
                  onPress={() => removeSnapshot(machine, one.name)}
                >
                  Remove
                </Button>
              </div>
            )}
          </li>
        ))}
      </ul>
    </div>
  );
}

function NewSnapshot({ machine }: { machine: Machine }) {
  const name = useSignal("");
  return (
    <form
      class="inline-form"
      onSubmit={(event) => {
        event.preventDefault();
        void act(machine, "snapshots", { name: name.value.trim() }).then(() => {
          name.value = "";
        }, notifyError);
      }}
    >
      <TextField
        label="Name of a new snapshot"
        required
        value={name.value}
        placeholder="before-the-update"
        help={machine.state === "running" ? "With the memory: the machine stands still meanwhile." : "Of the disks."}
        onInput={(value) => {
          name.value = value;
        }}
      />
      <Button type="submit" icon="camera" disabled={machine.busy !== null}>
        Take it
      </Button>
    </form>
  );
}
