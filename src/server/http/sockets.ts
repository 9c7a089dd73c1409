import { type IncomingMessage, STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import { type WebSocket, WebSocketServer } from "ws";
import type { Machine } from "../../machines/machine.ts";
import { machineStatus } from "../../machines/status.ts";
import { VmbuilderError } from "../../model/errors.ts";
import { createConsoles } from "../machines/consoles.ts";
import { joinScreen } from "../machines/join-screen.ts";
import { madeMachine } from "../machines/machine-actions.ts";
import { ownedMachine } from "../routes/machines.ts";
import type { ServerContext } from "../server-context.ts";
import { findServedMachine } from "../store/machines.ts";
import { type Caller, isAlive } from "../store/sessions.ts";
import { findUser } from "../store/users.ts";
import { authenticate } from "./authenticate.ts";
import { answerError } from "./error-answer.ts";
import { checkHost, checkOrigin } from "./guards.ts";
import { TooMany } from "./rate-limit.ts";
import { apiPath, mayEdit } from "./views.ts";

/** Answers requests for WebSockets: consoles and screens of machines. */
export interface Sockets {
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  count(): number;
  close(): void;
}

const MOST_SOCKETS = 512;
const MOST_OF_A_CALLER = 64;
/** What people type and paste. */
const LARGEST_MESSAGE_BYTES = 1024 ** 2;
const ALIVE_MS = 2000;
const PING_MS = 30_000;

interface Viewer {
  readonly caller: Caller;
  /** Of the machine. */
  readonly id: string;
  isThere: boolean;
}

/** A viewer is cut off when their session or token ends, their rights to the machine do, or their line is dead. */
export function createSockets(server: ServerContext): Sockets {
  const wire = new WebSocketServer({
    ...{ noServer: true, clientTracking: false, perMessageDeflate: false, maxPayload: LARGEST_MESSAGE_BYTES },
  });
  const consoles = createConsoles();
  const viewers = new Map<WebSocket, Viewer>();
  const place = new RegExp(`^${apiPath(server).replace(/[.]/g, "\\.")}machines/([a-z0-9]+)/(console|screen)$`);

  const admit = async (request: IncomingMessage): Promise<{ caller: Caller; machine: Machine; join: Join }> => {
    const headers = headersOf(request);
    checkHost(headers.get("host"), server.settings);
    checkOrigin(headers);
    const [, id = "", what = ""] = place.exec(new URL(request.url ?? "/", "http://host").pathname) ?? [];
    if (id === "") throw new VmbuilderError("not-found", "there is no such WebSocket");
    const caller = authenticate({ headers, method: "GET" }, "builder", server);
    // A browser always says whose page asks, and any page could ask with the cookie.
    if (caller.session && !headers.has("origin"))
      throw new VmbuilderError("origin-refused", "the header Origin is missing");
    const own = [...viewers.values()].filter((one) => one.caller.user.name === caller.user.name).length;
    if (viewers.size >= MOST_SOCKETS || own >= MOST_OF_A_CALLER) throw new TooMany("consoles", 30);
    const machine = await madeMachine(ownedMachine({ params: { id }, caller, server }), server);
    if ((await machineStatus(machine)).state === "stopped")
      throw new VmbuilderError("machine-stopped", "this machine does not run", { hint: "start it" });
    return { caller, machine, join: what === "console" ? consoles.join : joinScreen };
  };
  const look = () => {
    for (const [socket, { caller, id }] of viewers) {
      const user = findUser(server.database, caller.user.name);
      const machine = findServedMachine(server.database, id);
      const isTheirs = user && machine && mayEdit(machine, user);
      if (!isTheirs || !isAlive(server.database, caller.credential)) socket.close(1008, "this is over");
    }
  };
  const ping = () => {
    for (const [socket, viewer] of viewers) {
      if (!viewer.isThere) socket.terminate();
      viewer.isThere = false;
      socket.ping();
    }
  };
  const timers = [setInterval(look, ALIVE_MS), setInterval(ping, PING_MS)];

  return {
    upgrade(request, socket, head) {
      socket.on("error", () => socket.destroy());
      admit(request).then(
        ({ caller, machine, join }) =>
          wire.handleUpgrade(request, socket, head, (viewer) => {
            const entry: Viewer = { caller, id: machine.name, isThere: true };
            viewers.set(viewer, entry);
            viewer.on("pong", () => {
              entry.isThere = true;
            });
            viewer.on("error", () => viewer.terminate());
            viewer.once("close", () => viewers.delete(viewer));
            viewer.pause(); // what is typed at once waits until somebody listens
            join(machine, viewer)
              .catch(() => viewer.close(1011, "the machine does not answer"))
              .finally(() => viewer.resume());
          }),
        (error: unknown) => refuse(socket, error),
      );
    },
    count: () => viewers.size,
    close() {
      for (const timer of timers) clearInterval(timer);
      for (const viewer of viewers.keys()) viewer.terminate();
    },
  };
}

type Join = (machine: Machine, viewer: WebSocket) => Promise<void>;

function headersOf({ headers }: IncomingMessage): Headers {
  const entries = Object.entries(headers).flatMap(([name, value]): [string, string][] =>
    value === undefined ? [] : [[name, [value].flat().join(", ")]],
  );
  return new Headers(entries);
}

/** Says why, as every other answer of the API does. */
function refuse(socket: Duplex, error: unknown): void {
  const answer = answerError(error);
  void answer.text().then((body) => {
    const head = [
      `HTTP/1.1 ${answer.status} ${STATUS_CODES[answer.status] ?? ""}`,
      ...["Content-Type: application/json", "Connection: close", `Content-Length: ${Buffer.byteLength(body)}`],
    ];
    socket.end(`${head.join("\r\n")}\r\n\r\n${body}`, () => socket.destroy());
  });
}
