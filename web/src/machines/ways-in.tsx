import { useSignal } from "@preact/signals";
import { ApiError, send } from "../api/client.ts";
import type { Machine } from "../api/types.ts";
import { Button } from "../parts/button.tsx";
import { TextField } from "../parts/input.tsx";
import { takeMachine } from "../state/live.ts";
import { notify } from "../state/notices.ts";
import { machinePath } from "./machine-actions.ts";

/** How one gets into a machine by ssh, and to the programs that listen there. */
export function WaysIn({ machine }: { machine: Machine }) {
  const { ssh, ports, state } = machine;
  const host = location.hostname;
  const isHere = /^(localhost|127\.|\[::1\])/.test(host);
  return (
    <div class="view-body ways-in">
      {ssh === null ? (
        <p>
          {state === "running"
            ? "It has no network card that the server leads to."
            : "Start the machine to get in by ssh."}
        </p>
      ) : (
        <dl>
          <dt>On the server</dt>
          <dd>
            <code>ssh -p {ssh.hostPort} root@127.0.0.1</code>
          </dd>
          {!isHere && (
            <>
              <dt>From elsewhere</dt>
              <dd>
                <code>
                  ssh -J {host} -p {ssh.hostPort} root@127.0.0.1
                </code>
              </dd>
            </>
          )}
          {ports.map(({ port, hostPort }) => (
            <>
              <dt key={`${port}`}>Port {port}</dt>
              <dd key={`${port} where`}>
                {hostPort === null ? (
                  "from its next start on"
                ) : (
                  <code>
                    {isHere ? `127.0.0.1:${hostPort}` : `ssh -N -L ${localPort(port)}:127.0.0.1:${hostPort} ${host}`}
                  </code>
                )}
              </dd>
            </>
          ))}
        </dl>
      )}
      <p class="field-help">
        You log in with what the image's recipe says: root or its user, by key or password. The ports are the server's
        own, and nobody reaches them from outside{isHere ? "" : " but through a login on the server"}. They may be
        others after the next start.
      </p>
      <Ports machine={machine} />
    </div>
  );
}

function Ports({ machine }: { machine: Machine }) {
  const text = useSignal(machine.ports.map(({ port }) => port).join(", "));
  const error = useSignal("");
  const save = async () => {
    error.value = "";
    const words = text.value.split(/[\s,]+/).filter(Boolean);
    const wrong = words.find((word) => !/^\d{1,5}$/.test(word));
    if (wrong !== undefined) {
      error.value = `"${wrong}" is no port`;
      return;
    }
    try {
      takeMachine(await send<Machine>("PATCH", machinePath(machine), { ports: words.map(Number) }));
      notify(machine.state === "running" ? "The ports are open from the next start on" : "The ports are kept");
    } catch (problem) {
      if (!(problem instanceof ApiError)) throw problem;
      error.value = problem.message;
    }
  };
  return (
    <form
      class="ports-form"
      onSubmit={(event) => {
        event.preventDefault();
        void save();
      }}
    >
      <TextField
        label="Open ports of the machine"
        placeholder="80, 5432"
        help="The server leads a port of its own to each."
        value={text.value}
        error={error.value}
        onInput={(value) => {
          text.value = value;
        }}
      />
      <Button type="submit">Save</Button>
    </form>
  );
}

/** Low ports take root's rights at home, too. */
function localPort(port: number): number {
  return port < 1024 ? port + 8000 : port;
}
