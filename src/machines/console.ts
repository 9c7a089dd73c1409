import { connectIn } from "../system/qmp.ts";
import { MACHINE_FILES, type Machine } from "./machine.ts";

/** Ctrl and ], as telnet has it. */
const LEAVE = 0x1d;

/**
 * Joins a terminal to a machine's serial console, until Ctrl-], the end of the input or the machine's own end.
 *
 * @throws ECONNREFUSED or ENOENT of the socket when the machine doesn't run
 */
export async function joinConsole(
  { directory }: Machine,
  input: NodeJS.ReadStream,
  output: NodeJS.WritableStream,
): Promise<void> {
  const socket = await connectIn(directory, MACHINE_FILES.console);
  const isTerminal = input.isTTY;
  if (isTerminal) input.setRawMode(true);
  try {
    await new Promise<void>((resolve) => {
      socket.on("data", (data) => output.write(data));
      socket.once("close", () => resolve());
      socket.once("error", () => resolve());
      input.on("data", (data: Buffer) => {
        const at = isTerminal ? data.indexOf(LEAVE) : -1;
        socket.write(at === -1 ? data : data.subarray(0, at));
        if (at !== -1) resolve();
      });
      input.once("end", () => resolve());
    });
  } finally {
    if (isTerminal) input.setRawMode(false);
    input.pause();
    socket.destroy();
  }
}
