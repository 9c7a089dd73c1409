import type { Partition, PlanAnswer } from "../api/types.ts";
import { count, formatBytes, formatGuess, formatSize } from "../parts/format.ts";
import { Icon } from "../parts/icon.tsx";
import { Badge, Message } from "../parts/states.tsx";
import { explain, planState, problems } from "./check.ts";
import { yamlMistake } from "./draft.ts";
import { wordsFor } from "./texts.ts";

/** What will happen and how long it takes, before the button is pressed. */
export function PlanPanel() {
  const now = planState.value;
  return (
    <div class="plan" aria-live="polite" aria-busy={now.state === "checking"}>
      {now.state === "checking" && <Checking />}
      {now.state === "wrong" && <Mistakes />}
      {now.state === "failed" && (
        <Message kind="warn" title={now.problem.message}>
          {now.problem.hint && <p>{now.problem.hint}</p>}
        </Message>
      )}
      {now.state === "planned" && <Planned plan={now.plan} />}
    </div>
  );
}

function Checking() {
  return (
    <div class="plan-checking">
      <span class="spinner" aria-hidden="true" />
      Looking at what this needs …
    </div>
  );
}

function Mistakes() {
  const mistake = yamlMistake.value;
  const list = problems.value;
  return (
    <Message
      kind="bad"
      title={mistake || list.length === 1 ? "Something isn't right yet" : `${list.length} things aren't right yet`}
    >
      <ul class="mistakes">
        {mistake && <li>{`Line ${mistake.line} of the recipe: ${mistake.message}`}</li>}
        {!mistake &&
          list.map((problem) => (
            <li key={`${problem.path?.join(".")}${problem.message}`}>
              {problem.path?.[0] !== undefined && <strong>{wordsFor(String(problem.path[0])).label}: </strong>}
              {explain(problem)}
            </li>
          ))}
      </ul>
    </Message>
  );
}

function Planned({ plan }: { plan: PlanAnswer }) {
  const isFast = plan.isCached || plan.estimate.seconds < 5;
  return (
    <>
      <p class="plan-time">
        <Icon name={isFast ? "bolt" : "clock"} />
        <span>
          <strong>{formatGuess(plan.estimate.seconds)}</strong>
          <span class="note">
            {plan.estimate.basis === "measured"
              ? "as such builds took here before"
              : "a guess: none was built here yet"}
          </span>
        </span>
      </p>
      <dl class="facts">
        <Fact name="System">{`${plan.suite}, ${plan.architecture}`}</Fact>
        <Fact name="Packages">
          {count(plan.packages, "package")}
          <span class="note"> {formatBytes(plan.installedBytes)} installed</span>
        </Fact>
        <Fact name="Download">{plan.downloadBytes === 0 ? "nothing" : formatBytes(plan.downloadBytes)}</Fact>
        <Fact name="Login">{plan.logins.length > 0 ? plan.logins.join(", ") : "nobody"}</Fact>
      </dl>
      <ul class="plan-steps">
        {plan.steps.map(({ step, title, isCached, added }) => (
          <li key={step}>
            {title}
            {isCached ? (
              <Badge kind="good" icon="bolt">
                cached
              </Badge>
            ) : added === undefined ? (
              <Badge>from scratch</Badge>
            ) : (
              <Badge kind="active">{`adds ${count(added, "package")}`}</Badge>
            )}
          </li>
        ))}
      </ul>
      {plan.disks.map((disk, at) => (
        <DiskBar key={at} number={plan.disks.length > 1 ? at + 1 : undefined} {...disk} />
      ))}
    </>
  );
}

function Fact({ name, children }: { name: string; children: preact.ComponentChildren }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function DiskBar({
  number,
  sizeBytes,
  partitions,
}: {
  number: number | undefined;
  sizeBytes: number;
  partitions: readonly Partition[];
}) {
  const shown = partitions.filter((partition) => partition.sizeBytes >= sizeBytes / 500);
  return (
    <figure class="disk">
      <figcaption>
        <span>{number ? `Disk ${number}` : "Disk"}</span>
        <span class="note">{formatSize(sizeBytes)}, takes space only as it fills</span>
      </figcaption>
      <div class="disk-bar" aria-hidden="true">
        {shown.map((partition) => (
          <span
            key={partition.number}
            class={`part ${toneOf(partition)}`}
            style={{ flexGrow: Math.max(partition.sizeBytes / sizeBytes, 0.03) }}
          />
        ))}
      </div>
      <ul class="legend">
        {shown.map((partition) => (
          <li key={partition.number}>
            <span class={`swatch ${toneOf(partition)}`} aria-hidden="true" />
            {partition.mounts[0] ?? partition.role} <span class="note">{formatSize(partition.sizeBytes)}</span>
          </li>
        ))}
      </ul>
    </figure>
  );
}

const TONES: Record<string, string> = { "/": "tone-0", swap: "tone-2", "/boot/efi": "tone-1", "/boot": "tone-1" };

function toneOf({ mounts, fs }: Partition): string {
  return TONES[mounts[0] ?? fs ?? ""] ?? "tone-3";
}
