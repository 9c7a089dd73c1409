import type RFB from "@novnc/novnc";
import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { Machine } from "../api/types.ts";
import { Button } from "../parts/button.tsx";
import { focusTab } from "../parts/tabs.tsx";
import { notifyError } from "../state/notices.ts";
import { MachineOff } from "./machine-off.tsx";
import { isLeaving, keepConnected, runOf, socketUrl } from "./machine-socket.ts";

/** The machine's screen, keyboard and mouse. noVNC is loaded with the first. */
export function Screen({ machine }: { machine: Machine }) {
  const run = runOf(machine);
  if (run === "") return <MachineOff machine={machine} />;
  return <LiveScreen key={run} machine={machine} />;
}

function LiveScreen({ machine }: { machine: Machine }) {
  const box = useRef<HTMLDivElement>(null);
  const screen = useRef<RFB | undefined>(undefined);
  const isConnected = useSignal(false);
  const url = socketUrl(machine, "screen");
  useEffect(() => {
    let end = () => {};
    let isOver = false;
    const leave = (event: KeyboardEvent) => {
      if (!isLeaving(event) || !box.current) return;
      event.stopPropagation();
      event.preventDefault();
      focusTab(box.current);
    };
    const place = box.current;
    place?.addEventListener("keydown", leave, { capture: true });
    const begin = async () => {
      const { default: Rfb } = await import("@novnc/novnc");
      if (isOver || !place) return;
      end = keepConnected((lost) => {
        const rfb = new Rfb(place, url, { shared: true });
        rfb.scaleViewport = true;
        rfb.background = "transparent";
        rfb.addEventListener("connect", () => {
          isConnected.value = true;
          name(place, machine.name);
          rfb.focus();
        });
        rfb.addEventListener("disconnect", () => {
          isConnected.value = false;
          lost();
        });
        screen.current = rfb;
        return () => rfb.disconnect();
      });
    };
    void begin().catch(notifyError);
    return () => {
      isOver = true;
      place?.removeEventListener("keydown", leave, { capture: true });
      end();
    };
  }, [url, isConnected, machine.name]);
  return (
    <>
      <div class="dark-box screen" ref={box} />
      <div class="view-foot">
        <p class="field-help" role="status">
          {isConnected.value ? "Connected" : "Connecting …"}; Ctrl and ] leaves the screen.
        </p>
        <Button size="small" icon="key" disabled={!isConnected.value} onPress={() => screen.current?.sendCtrlAltDel()}>
          Ctrl+Alt+Del
        </Button>
      </div>
    </>
  );
}

/** noVNC's canvas takes the focus, but has no name of its own. */
function name(place: HTMLElement, machine: string): void {
  const canvas = place.querySelector("canvas");
  canvas?.setAttribute("role", "application");
  canvas?.setAttribute("aria-label", `Screen of ${machine}`);
}
