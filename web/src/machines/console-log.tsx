import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { apiUrl, get } from "../api/client.ts";
import type { Machine } from "../api/types.ts";
import { Button, ButtonLink } from "../parts/button.tsx";
import { notifyError } from "../state/notices.ts";
import { machinePath } from "./machine-actions.ts";

/** What the serial console has shown since the last start. */
export function ConsoleLog({ machine }: { machine: Machine }) {
  const text = useSignal<string | undefined>(undefined);
  const path = machinePath(machine, "/log");
  const load = async () => {
    text.value = await get<string>(path);
  };
  useEffect(() => {
    void load().catch(notifyError);
  }, [path]);
  return (
    <div class="view-body">
      <div class="view-foot">
        <p class="note">The console since the last start, without colours.</p>
        <div class="actions">
          <Button size="small" icon="redo" onPress={load}>
            Load again
          </Button>
          <ButtonLink size="small" kind="quiet" icon="file" href={apiUrl(`${path}?previous=true`)}>
            Of the start before
          </ButtonLink>
        </div>
      </div>
      <section
        class="log console-log"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls can be reached by keyboard
        tabIndex={0}
        aria-label="Log of the console"
      >
        {text.value === "" ? <p class="note">It has shown nothing yet.</p> : <pre>{text.value}</pre>}
      </section>
    </div>
  );
}
