import { useEffect, useMemo } from "preact/hooks";
import { ApiError } from "../api/client.ts";
import type { Build as BuildData, BuildStep } from "../api/types.ts";
import { Button, ButtonLink } from "../parts/button.tsx";
import { formatAgo, formatBytes, formatSeconds, formatSystem, formatWholeSeconds } from "../parts/format.ts";
import { Icon } from "../parts/icon.tsx";
import { Page } from "../parts/page.tsx";
import { Bar, Empty, Loading, Message, StateBadge } from "../parts/states.tsx";
import { openBuildStream } from "../state/build-stream.ts";
import { images } from "../state/live.ts";
import { go } from "../state/router.ts";
import { mayBuild } from "../state/session.ts";
import { cancelBuild, editAddress, forgetBuild, repeatBuild } from "./build-actions.ts";
import { BuildLog } from "./build-log.tsx";
import { DownloadButton } from "./image-files.tsx";

const BACK = { href: "#/builds", text: "Builds" };

/** One build: its steps while they run, then what came of it. */
export function Build({ id }: { id: string }) {
  const stream = useMemo(() => openBuildStream(id), [id]);
  useEffect(() => stream.close, [stream]);
  const build = stream.build.value;
  const error = stream.error.value;
  if (error)
    return (
      <Page title="No such build" back={BACK}>
        <Empty icon="alert" title={error instanceof ApiError ? error.message : String(error)} />
      </Page>
    );
  if (!build)
    return (
      <Page title="Build" back={BACK}>
        <Loading rows={5} />
      </Page>
    );
  const isOpen = build.finishedAt === null;
  return (
    <Page
      title={build.name}
      back={BACK}
      lead={
        <>
          <StateBadge state={build.state} />
          <span>
            {formatSystem(build)} · begun {formatAgo(build.startedAt ?? build.createdAt)}
            {build.seconds !== null && ` · took ${formatWholeSeconds(build.seconds)}`}
          </span>
        </>
      }
      actions={<Actions build={build} />}
    >
      {isOpen ? <Running build={build} /> : <Result build={build} />}
      <div class="build-grid">
        <section class="card" aria-labelledby="steps">
          <h2 id="steps">Steps</h2>
          <Steps steps={stream.steps.value} isOpen={isOpen} />
        </section>
        <BuildLog id={id} lines={stream.lines} isOpen={isOpen} />
      </div>
    </Page>
  );
}

function Actions({ build }: { build: BuildData }) {
  const { can, id } = build;
  return (
    <>
      {can.cancel && build.state !== "cancelling" && (
        <Button icon="cross" onPress={() => cancelBuild(build)}>
          Cancel
        </Button>
      )}
      {mayBuild.value && build.finishedAt !== null && (
        <>
          {can.retry && (
            <Button icon="redo" onPress={() => repeatBuild(id)}>
              Build again
            </Button>
          )}
          <ButtonLink icon="edit" href={`#${editAddress(`builds/${id}`)}`}>
            Edit and build
          </ButtonLink>
        </>
      )}
      {can.remove && build.finishedAt !== null && (
        <Button
          kind="quiet"
          icon="trash"
          onPress={async () => {
            await forgetBuild(build);
            go("/builds", { replace: true });
          }}
        >
          Forget
        </Button>
      )}
    </>
  );
}

function Running({ build }: { build: BuildData }) {
  const { progress, position, state } = build;
  const title =
    state === "cancelling"
      ? "Stopping …"
      : (progress?.title ?? (position ? `Number ${position} in the queue` : "Begins …"));
  const percent = Math.floor((progress?.fraction ?? 0) * 100);
  return (
    <section class="card progress-card" aria-label="Progress">
      <div class="running-head">
        <div>
          <p class="running-step">{title}</p>
          <p class="note">{progress ? amount(progress) : " "}</p>
        </div>
        <p class="running-percent" aria-hidden="true">
          {percent}
          <span>%</span>
        </p>
      </div>
      <Bar value={progress?.fraction ?? 0} label="Progress" kind="large" />
      <p class="running-left">
        {progress?.secondsLeft != null && state === "running"
          ? `${formatWholeSeconds(progress.secondsLeft)} left`
          : " "}
      </p>
    </section>
  );
}

function amount({ done, total, unit, perSecond }: NonNullable<BuildData["progress"]>): string {
  if (done === null || total === null || unit === null) return " ";
  if (unit !== "bytes") return `${Math.round(done)} of ${total} ${unit}`;
  const rate = perSecond ? `, ${formatBytes(perSecond)}/s` : "";
  return `${formatBytes(done)} of ${formatBytes(total)}${rate}`;
}

function Result({ build }: { build: BuildData }) {
  const image = images.value?.find(({ id }) => id === build.imageId);
  if (build.state === "succeeded")
    return (
      <section class="card result good" aria-label="Result">
        <span class="result-icon">
          <Icon name="check" />
        </span>
        <div class="result-text">
          <h2>{build.name} is ready</h2>
          <p class="note">
            {image
              ? `${formatBytes(image.sizeBytes)}, ${image.files.length} files`
              : "Its image was removed, or belongs to somebody else."}
          </p>
        </div>
        {image && (
          <div class="actions">
            <DownloadButton image={image} />
            <ButtonLink href={`#/images/${encodeURIComponent(image.id)}`} icon="box">
              All files
            </ButtonLink>
          </div>
        )}
      </section>
    );
  if (build.error)
    return (
      <Message kind="bad" title={build.error.message}>
        {build.error.hint && <p>{build.error.hint}</p>}
        {build.error.detail && <pre class="detail">{build.error.detail}</pre>}
      </Message>
    );
  return (
    <Message kind="info" title="This build was cancelled">
      <p>Nothing of it is left behind but what the cache keeps for the next one.</p>
    </Message>
  );
}

function Steps({ steps, isOpen }: { steps: readonly BuildStep[]; isOpen: boolean }) {
  const heads = new Set(steps.map(({ step }) => step));
  if (steps.length === 0) return <p class="note">{isOpen ? "None has begun." : "None was recorded."}</p>;
  return (
    <ol class="steps">
      {steps.map((step) => (
        <li key={step.step} class={`step ${step.state} ${isPart(step.step, heads) ? "part" : ""}`}>
          <StepSign state={isOpen || step.state !== "running" ? step.state : "failed"} />
          <span>{step.title}</span>
          <span class="step-time">
            {step.state === "cached" ? "cached" : step.seconds === null ? "" : formatSeconds(step.seconds)}
          </span>
        </li>
      ))}
    </ol>
  );
}

function StepSign({ state }: { state: BuildStep["state"] }) {
  if (state === "running") return <span class="spinner" role="img" aria-label="running" />;
  const [icon, label] = ({ done: ["check", "done"], cached: ["bolt", "cached"], failed: ["alert", "failed"] } as const)[
    state
  ];
  return (
    <span class={`step-sign ${state}`} role="img" aria-label={label}>
      <Icon name={icon} />
    </span>
  );
}

function isPart(step: string, heads: ReadonlySet<string>): boolean {
  return step.includes("/") && heads.has(step.slice(0, step.indexOf("/")));
}
