import { useSignal } from "@preact/signals";
import type { Machine } from "../api/types.ts";
import { Button, ButtonLink } from "../parts/button.tsx";
import { count, formatAgo, formatBytes, formatDate, formatSize } from "../parts/format.ts";
import { Page } from "../parts/page.tsx";
import { hasWords, SearchField } from "../parts/search.tsx";
import { Badge, Empty, Loading } from "../parts/states.tsx";
import { machines } from "../state/live.ts";
import { mayBuild, session } from "../state/session.ts";
import { act } from "./machine-actions.ts";
import { MachineState } from "./machine-state.tsx";

const MIB = 1024 ** 2;
const FEW = 5;

/** The machines that this server runs, or could. */
export function Machines() {
  const search = useSignal("");
  const all = machines.value;
  const shown = all?.filter((machine) => hasWords(searchText(machine), search.value)) ?? [];
  const on = all?.filter(({ state }) => state === "running") ?? [];
  const memory = on.reduce((sum, { memoryMb }) => sum + memoryMb, 0);
  return (
    <Page
      title="Machines"
      lead={
        on.length > 0
          ? `${count(on.length, "machine")} running, with ${formatSize(memory * MIB)} of memory`
          : "What was built runs here."
      }
    >
      {all === undefined && <Loading />}
      {all?.length === 0 && (
        <Empty icon="screen" title="No machines yet">
          <p>Open an image, and press Run.</p>
          {mayBuild.value && (
            <ButtonLink href="#/" kind="primary" icon="stack">
              Choose an image
            </ButtonLink>
          )}
        </Empty>
      )}
      {all && all.length > FEW && (
        <SearchField label="Search machines" placeholder="Search by name, image, state or owner" search={search} />
      )}
      {shown.length > 0 && (
        <ul class="rows" aria-label="Machines">
          {shown.map((machine) => (
            <MachineRow key={machine.id} machine={machine} />
          ))}
        </ul>
      )}
    </Page>
  );
}

function MachineRow({ machine }: { machine: Machine }) {
  const { name, owner, state, busy, image, memoryMb, cpus, diskBytes, startedAt, createdAt, error } = machine;
  const isForeign = owner !== session.value?.user.name;
  return (
    <li class="row machine-row">
      <div class="row-link">
        <span class={`lamp ${state}`} aria-hidden="true" />
        <div class="row-main">
          <a class="row-title" href={`#/machines/${encodeURIComponent(machine.id)}`}>
            {name}
          </a>
          <span class="row-note">
            {error
              ? error.message
              : `${image.name} · ${formatSize(memoryMb * MIB)}, ${count(cpus, "processor")} · ${formatBytes(diskBytes)} on disk`}
            {isForeign && ` · ${owner}`}
          </span>
        </div>
        <time class="row-when" dateTime={startedAt ?? createdAt} title={formatDate(startedAt ?? createdAt)}>
          {startedAt ? `started ${formatAgo(startedAt)}` : `made ${formatAgo(createdAt)}`}
        </time>
        {machine.isShared && <Badge icon="people">shared</Badge>}
        <MachineState machine={machine} />
        {machine.can.control && state === "stopped" && busy === null && (
          <Button size="small" icon="play" label={`Start ${name}`} onPress={() => act(machine, "start")}>
            Start
          </Button>
        )}
        {machine.can.control && state === "running" && busy === null && (
          <Button size="small" icon="stop" label={`Stop ${name}`} onPress={() => act(machine, "stop", {})}>
            Stop
          </Button>
        )}
      </div>
    </li>
  );
}

function searchText({ name, owner, image, state, distro, suite }: Machine): string {
  return [name, owner, image.name, state, distro, suite].join(" ").toLowerCase();
}
