import { type Signal, useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { apiUrl } from "../api/client.ts";
import type { LogLine } from "../api/types.ts";
import { ButtonLink } from "../parts/button.tsx";

/** What the build says, the newest at the end: it follows unless somebody scrolls up. */
export function BuildLog({ id, lines, isOpen }: { id: string; lines: Signal<readonly LogLine[]>; isOpen: boolean }) {
  const box = useRef<HTMLDivElement>(null);
  const follows = useRef(true);
  const onlyWarnings = useSignal(false);
  const shown = onlyWarnings.value ? lines.value.filter(({ level }) => level === "warning") : lines.value;
  const warnings = lines.value.filter(({ level }) => level === "warning").length;
  useEffect(() => {
    if (box.current && follows.current) box.current.scrollTop = box.current.scrollHeight;
  }, [shown]);
  return (
    <section class="card log-card" aria-labelledby="log">
      <header class="card-head">
        <h2 id="log">Log</h2>
        <div class="actions">
          {warnings > 0 && (
            <label class="inline-check">
              <input
                type="checkbox"
                checked={onlyWarnings.value}
                onChange={(event) => {
                  onlyWarnings.value = event.currentTarget.checked;
                }}
              />
              {`Only warnings (${warnings})`}
            </label>
          )}
          <ButtonLink size="small" kind="quiet" href={apiUrl(`builds/${encodeURIComponent(id)}/log`)} icon="file">
            As text
          </ButtonLink>
        </div>
      </header>
      <section
        class="log"
        ref={box}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls can be reached by keyboard
        tabIndex={0}
        aria-label="Log of the build"
        onScroll={({ currentTarget: { scrollHeight, scrollTop, clientHeight } }) => {
          follows.current = scrollHeight - scrollTop - clientHeight < 40;
        }}
      >
        {shown.length === 0 && (
          <p class="note">{isOpen ? "Nothing yet: it says more when something is unusual." : "Nothing was logged."}</p>
        )}
        {shown.map((line, at) => (
          <div key={at} class={`log-line ${line.level}`}>
            {line.step && <span class="log-step">{line.step}</span>}
            {line.message}
          </div>
        ))}
      </section>
    </section>
  );
}
