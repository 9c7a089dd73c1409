import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { get } from "../api/client.ts";
import type { Machine as MachineData } from "../api/types.ts";
import { Button } from "../parts/button.tsx";
import { ConfirmButton } from "../parts/confirm.tsx";
import { count, formatAgo, formatBytes, formatDate, formatSize, formatSystem } from "../parts/format.ts";
import { SwitchField } from "../parts/input.tsx";
import { Page } from "../parts/page.tsx";
import { Badge, Empty, Loading, Message } from "../parts/states.tsx";
import { Tabs } from "../parts/tabs.tsx";
import { machines, takeMachine } from "../state/live.ts";
import { notifyError } from "../state/notices.ts";
import { go } from "../state/router.ts";
import { ConsoleLog } from "./console-log.tsx";
import { act, machinePath, removeMachine, shareMachine } from "./machine-actions.ts";
import { MachineState } from "./machine-state.tsx";
import { Screen } from "./screen.tsx";
import { Snapshots } from "./snapshots.tsx";
import { Terminal } from "./terminal.tsx";
import { Tests } from "./tests.tsx";
import { WaysIn } from "./ways-in.tsx";

const BACK = { href: "#/machines", text: "Machines" };
const MIB = 1024 ** 2;

/** One machine: its consoles, and what can be done with it. */
export function Machine({ id }: { id: string }) {
  const machine = machines.value?.find((one) => one.id === id);
  const isMissing = useSignal(false);
  useEffect(() => {
    void get<MachineData>(machinePath({ id })).then(takeMachine, () => {
      isMissing.value = true;
    });
  }, [id, isMissing]);
  if (!machine)
    return (
      <Page title={isMissing.value ? "No such machine" : "Machine"} back={BACK}>
        {isMissing.value ? <Empty icon="alert" title="There is no machine here, or it isn't yours" /> : <Loading />}
      </Page>
    );
  return (
    <Page
      title={machine.name}
      back={BACK}
      lead={<Facts machine={machine} />}
      actions={machine.can.control ? <Actions machine={machine} /> : undefined}
    >
      {machine.error && (
        <Message kind="bad" title={machine.error.message}>
          {machine.error.hint && <p>{machine.error.hint}</p>}
          {machine.error.detail && <pre class="detail">{machine.error.detail}</pre>}
        </Message>
      )}
      {machine.ended && (
        <Message
          kind="info"
          title={machine.ended === "by itself" ? "It switched itself off, or was ended" : "The host was restarted"}
        />
      )}
      <section class="card view-card" aria-label="Views of the machine">
        <Tabs tabs={tabsOf(machine)} />
      </section>
      {machine.can.control && (
        <section class="card" aria-labelledby="share">
          <h2 id="share">Share</h2>
          <SwitchField
            label="Everybody on this server may see it and its log"
            help="Nobody else may use its consoles, stop it or change it."
            checked={machine.isShared}
            onChange={(isShared) => void shareMachine(machine, isShared).catch(notifyError)}
          />
        </section>
      )}
    </Page>
  );
}

function tabsOf(machine: MachineData) {
  const { can, hasScreen, tests } = machine;
  return [
    ...(can.control
      ? [{ id: "console", text: "Console", icon: "terminal" as const, show: () => <Terminal machine={machine} /> }]
      : []),
    ...(can.control && hasScreen
      ? [{ id: "screen", text: "Screen", icon: "screen" as const, show: () => <Screen machine={machine} /> }]
      : []),
    ...(can.control
      ? [{ id: "ssh", text: "Connect", icon: "key" as const, show: () => <WaysIn machine={machine} /> }]
      : []),
    { id: "log", text: "Log", icon: "file" as const, show: () => <ConsoleLog machine={machine} /> },
    { id: "snapshots", text: "Snapshots", icon: "camera" as const, show: () => <Snapshots machine={machine} /> },
    {
      id: "tests",
      text: tests.last?.failed ? `Tests (${tests.last.failed} failed)` : "Tests",
      icon: "flask" as const,
      show: () => <Tests machine={machine} />,
    },
  ];
}

function Facts({ machine }: { machine: MachineData }) {
  const { memoryMb, cpus, diskBytes, startedAt, createdAt, accelerator, image } = machine;
  return (
    <>
      <MachineState machine={machine} />
      {accelerator === "tcg" && (
        <span title="This host has no KVM for it: it is several times slower">
          <Badge icon="clock">emulated</Badge>
        </span>
      )}
      {machine.isShared && <Badge icon="people">shared</Badge>}
      <span>
        {formatSystem(machine)} · {formatSize(memoryMb * MIB)}, {count(cpus, "processor")} · {formatBytes(diskBytes)} on
        disk
      </span>
      <span title={formatDate(startedAt ?? createdAt)}>
        {startedAt ? `started ${formatAgo(startedAt)}` : `made ${formatAgo(createdAt)}`} from{" "}
        <a href={`#/images/${encodeURIComponent(image.id)}`}>{image.name}</a>
      </span>
    </>
  );
}

function Actions({ machine }: { machine: MachineData }) {
  const { state, busy, name } = machine;
  const isStopping = busy === "stop" || busy === "restart";
  return (
    <>
      {state === "stopped" && busy === null && (
        <Button kind="primary" icon="play" onPress={() => act(machine, "start")}>
          Start
        </Button>
      )}
      {state === "running" && busy === null && (
        <>
          <Button icon="stop" onPress={() => act(machine, "stop", {})}>
            Stop
          </Button>
          <Button icon="redo" onPress={() => act(machine, "restart", {})}>
            Restart
          </Button>
        </>
      )}
      {state === "running" && (busy === null || isStopping) && (
        <ConfirmButton
          icon="power"
          text="Switch off"
          title={`Switch ${name} off?`}
          onConfirm={() => act(machine, "stop", { force: true })}
        >
          <p>What it hasn't written yet is lost, as when the plug is pulled.</p>
        </ConfirmButton>
      )}
      <ConfirmButton
        icon="trash"
        text="Remove"
        title={`Remove ${name}?`}
        onConfirm={async () => {
          await removeMachine(machine);
          go("/machines", { replace: true });
        }}
      >
        <p>
          The machine, its disk and its snapshots are gone for good. The image <strong>{machine.image.name}</strong>{" "}
          stays.
        </p>
      </ConfirmButton>
    </>
  );
}
