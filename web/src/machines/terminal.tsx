import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { Machine } from "../api/types.ts";
import { focusTab } from "../parts/tabs.tsx";
import { notifyError } from "../state/notices.ts";
import { MachineOff } from "./machine-off.tsx";
import { isLeaving, keepConnected, runOf, socketUrl } from "./machine-socket.ts";

/** What a serial line is taken for, until somebody tells the system inside. */
const COLUMNS = 80;
const ROWS = 25;
const LARGEST_FONT_PX = 15;
const SMALLEST_FONT_PX = 6;
/** Width of a letter, as part of its height. */
const LETTER = 0.602;

/** The machine's serial console, to be typed into. xterm.js is loaded with the first. */
export function Terminal({ machine }: { machine: Machine }) {
  const run = runOf(machine);
  if (run === "") return <MachineOff machine={machine} />;
  return <LiveTerminal key={run} machine={machine} />;
}

function LiveTerminal({ machine }: { machine: Machine }) {
  const box = useRef<HTMLDivElement>(null);
  const isConnected = useSignal(false);
  const url = socketUrl(machine, "console");
  useEffect(() => {
    const ends: (() => void)[] = [];
    let isOver = false;
    const begin = async () => {
      const [{ Terminal: Xterm }] = await Promise.all([import("@xterm/xterm"), import("@xterm/xterm/css/xterm.css")]);
      const place = box.current;
      if (isOver || !place) return;
      const terminal = new Xterm({
        ...{ cols: COLUMNS, rows: ROWS, scrollback: 5000, screenReaderMode: true, cursorBlink: true },
        fontFamily: getComputedStyle(place).getPropertyValue("--mono"),
        fontSize: fontFor(place),
        theme: { background: "#0b1210", foreground: "#dfe8e4", cursor: "#5cd6b0", selectionBackground: "#2d5a4c" },
      });
      terminal.open(place);
      terminal.attachCustomKeyEventHandler((event) => {
        if (!isLeaving(event)) return true;
        if (event.type === "keydown") focusTab(place);
        return false;
      });
      const resize = new ResizeObserver(() => {
        terminal.options.fontSize = fontFor(place);
      });
      resize.observe(place);
      const encoder = new TextEncoder();
      let socket: WebSocket | undefined;
      terminal.onData((text) => {
        if (socket?.readyState === WebSocket.OPEN) socket.send(encoder.encode(text));
      });
      const disconnect = keepConnected((lost) => {
        const line = new WebSocket(url);
        socket = line;
        line.binaryType = "arraybuffer";
        line.onopen = () => {
          terminal.reset();
          isConnected.value = true;
        };
        line.onmessage = ({ data }: MessageEvent<ArrayBuffer>) => terminal.write(new Uint8Array(data));
        line.onclose = () => {
          isConnected.value = false;
          lost();
        };
        return () => line.close();
      });
      terminal.focus();
      ends.push(
        disconnect,
        () => resize.disconnect(),
        () => terminal.dispose(),
      );
    };
    void begin().catch(notifyError);
    return () => {
      isOver = true;
      for (const end of ends) end();
    };
  }, [url, isConnected]);
  return (
    <>
      <div class="dark-box serial" ref={box} />
      <p class="field-help view-help" role="status">
        {isConnected.value ? "Connected. Press Enter for a prompt" : "Connecting …"}; Ctrl and ] leaves the console.
      </p>
    </>
  );
}

function fontFor(place: HTMLElement): number {
  const style = getComputedStyle(place);
  const width = place.clientWidth - Number.parseFloat(style.paddingLeft) - Number.parseFloat(style.paddingRight) - 16;
  return Math.max(SMALLEST_FONT_PX, Math.min(LARGEST_FONT_PX, Math.floor((width / COLUMNS / LETTER) * 2) / 2));
}
