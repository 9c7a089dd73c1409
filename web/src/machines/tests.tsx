import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { apiUrl, get } from "../api/client.ts";
import type { Machine, TestRun } from "../api/types.ts";
import { Button, ButtonLink } from "../parts/button.tsx";
import { count, formatAgo, formatDate, formatWholeSeconds } from "../parts/format.ts";
import { Icon } from "../parts/icon.tsx";
import { notifyError } from "../state/notices.ts";
import { act, machinePath } from "./machine-actions.ts";

/** The tests of the machine's recipe, and how they went the last time. */
export function Tests({ machine }: { machine: Machine }) {
  const { tests, can, state } = machine;
  const run = useSignal<TestRun | null>(null);
  const path = machinePath(machine, "/tests");
  const at = tests.last?.at;
  useEffect(() => {
    void get<{ last: TestRun | null }>(path).then(({ last }) => {
      run.value = last;
    }, notifyError);
  }, [path, at, run]);
  const isMade = state === "running" || state === "stopped";
  return (
    <div class="view-body">
      <div class="view-foot">
        <p class="note">
          {tests.isRunning
            ? "Running, in a machine of their own …"
            : `That it boots without a failed unit${tests.count > 0 ? `, and ${count(tests.count, "test")} of the recipe` : ""}: in a throwaway machine from the same base.`}
        </p>
        {can.control && isMade && (
          <Button size="small" icon="flask" disabled={tests.isRunning} onPress={() => act(machine, "tests")}>
            {tests.isRunning ? "Running" : "Run the tests"}
          </Button>
        )}
      </div>
      {tests.isRunning && <span class="spinner" role="status" aria-label="The tests are running" />}
      {run.value && <Report run={run.value} path={path} />}
    </div>
  );
}

function Report({ run, path }: { run: TestRun; path: string }) {
  const failed = run.outcomes.filter(({ failure }) => failure !== null).length;
  return (
    <>
      <h3 class={failed > 0 ? "verdict bad" : "verdict good"}>
        <Icon name={failed > 0 ? "alert" : "check"} />
        {failed > 0 ? `${failed} of ${run.outcomes.length} failed` : `All ${run.outcomes.length} passed`}
        <span class="note" title={formatDate(run.startedAt)}>
          {formatAgo(run.startedAt)}, took {formatWholeSeconds(run.seconds)}
        </span>
      </h3>
      <ul class="plain-list outcomes" aria-label="Results">
        {run.outcomes.map(({ name, seconds, failure, said }, index) => (
          <li key={index} class={failure === null ? "good" : "bad"}>
            <Icon name={failure === null ? "check" : "cross"} />
            <div class="row-main">
              <span>
                <span class="visually-hidden">{failure === null ? "passed: " : "failed: "}</span>
                {name}
              </span>
              {failure !== null && <span class="note">{failure}</span>}
              {said && <pre class="detail">{said}</pre>}
            </div>
            <span class="note">{formatWholeSeconds(seconds)}</span>
          </li>
        ))}
      </ul>
      {run.screenPng && (
        <img class="evidence" src={`data:image/png;base64,${run.screenPng}`} alt="The screen when a test failed" />
      )}
      {run.console && (
        <details>
          <summary>
            <Icon name="chevron" />
            The console when a test failed
          </summary>
          <pre class="detail">{run.console}</pre>
        </details>
      )}
      <div class="actions">
        {(["html", "junit", "tap"] as const).map((format) => (
          <ButtonLink key={format} size="small" icon="download" href={apiUrl(`${path}?format=${format}`)}>
            {{ html: "Page", junit: "JUnit XML", tap: "TAP" }[format]}
          </ButtonLink>
        ))}
      </div>
    </>
  );
}
