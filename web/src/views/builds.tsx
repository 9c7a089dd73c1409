import type { Build } from "../api/types.ts";
import { ButtonLink } from "../parts/button.tsx";
import { formatAgo, formatDate, formatSystem, formatWholeSeconds } from "../parts/format.ts";
import { Page } from "../parts/page.tsx";
import { Bar, Empty, Loading, StateBadge } from "../parts/states.tsx";
import { builds } from "../state/live.ts";
import { mayBuild } from "../state/session.ts";

/** Every build, what runs first. */
export function Builds() {
  const all = builds.value;
  const isOpen = ({ state }: Build) => state === "running" || state === "queued" || state === "cancelling";
  const open = all?.filter(isOpen) ?? [];
  const ended = all?.filter((build) => !isOpen(build)) ?? [];
  return (
    <Page title="Builds" lead="What is being made, and what was.">
      {all === undefined && <Loading />}
      {all?.length === 0 && (
        <Empty icon="hammer" title="Nothing was built yet">
          {mayBuild.value && (
            <ButtonLink href="#/new" kind="primary" icon="plus">
              New machine
            </ButtonLink>
          )}
        </Empty>
      )}
      {open.length > 0 && (
        <ul class="rows" aria-label="Running builds">
          {open.map((build) => (
            <OpenBuild key={build.id} build={build} />
          ))}
        </ul>
      )}
      {ended.length > 0 && (
        <ul class="rows" aria-label="Ended builds">
          {ended.map((build) => (
            <EndedBuild key={build.id} build={build} />
          ))}
        </ul>
      )}
    </Page>
  );
}

function OpenBuild({ build }: { build: Build }) {
  const { progress, position } = build;
  return (
    <li class="row">
      <a class="row-link" href={`#/builds/${encodeURIComponent(build.id)}`}>
        <div class="row-main">
          <span class="row-title">{build.name}</span>
          <span class="row-note">
            {progress ? progress.title : position ? `Number ${position} in the queue` : "Begins at once"}
            {progress?.secondsLeft != null && ` · ${formatWholeSeconds(progress.secondsLeft)} left`}
          </span>
          <Bar value={progress?.fraction ?? 0} label={`Progress of ${build.name}`} />
        </div>
        <StateBadge state={build.state} />
      </a>
    </li>
  );
}

function EndedBuild({ build }: { build: Build }) {
  return (
    <li class="row">
      <a class="row-link" href={`#/builds/${encodeURIComponent(build.id)}`}>
        <div class="row-main">
          <span class="row-title">{build.name}</span>
          <span class="row-note">
            {build.error ? build.error.message : formatSystem(build)}
            {build.seconds !== null && ` · took ${formatWholeSeconds(build.seconds)}`}
          </span>
        </div>
        <time class="row-when" dateTime={build.createdAt} title={formatDate(build.createdAt)}>
          {formatAgo(build.createdAt)}
        </time>
        <StateBadge state={build.state} />
      </a>
    </li>
  );
}
