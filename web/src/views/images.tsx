import { useSignal } from "@preact/signals";
import type { Image } from "../api/types.ts";
import { Button, ButtonLink } from "../parts/button.tsx";
import { count, formatAgo, formatBytes, formatDate, formatSystem, formatWholeSeconds } from "../parts/format.ts";
import { Icon } from "../parts/icon.tsx";
import { Page } from "../parts/page.tsx";
import { hasWords, SearchField } from "../parts/search.tsx";
import { Badge, Bar, Empty, Loading } from "../parts/states.tsx";
import { builds, images, removedImages } from "../state/live.ts";
import { mayBuild, session } from "../state/session.ts";
import { purgeImage, removeImage, restoreImage } from "./image-actions.tsx";
import { DownloadButton } from "./image-files.tsx";

/** What was built. */
export function Images() {
  const search = useSignal("");
  const all = images.value;
  const shown = all?.filter((image) => hasWords(searchText(image), search.value)) ?? [];
  const bytes = all?.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) ?? 0;
  return (
    <Page
      title="Images"
      lead={
        all && all.length > 0
          ? `${count(all.length, "image")}, ${formatBytes(bytes)} on disk`
          : "What was built is here."
      }
    >
      <RunningNow />
      {all === undefined && <Loading />}
      {all?.length === 0 && (
        <Empty icon="stack" title="No images yet">
          <p>Say what you need, press a button, and run it here or download it a moment later.</p>
          {mayBuild.value && (
            <ButtonLink href="#/new" kind="primary" size="large" icon="plus">
              Make the first
            </ButtonLink>
          )}
        </Empty>
      )}
      {all && all.length > 0 && (
        <>
          <SearchField label="Search images" placeholder="Search by name, release, format or owner" search={search} />
          {shown.length === 0 && <p class="note">{`Nothing matches “${search.value}”.`}</p>}
          <ul class="tiles">
            {shown.map((image) => (
              <ImageTile key={image.id} image={image} />
            ))}
          </ul>
        </>
      )}
      <Removed />
    </Page>
  );
}

function ImageTile({ image }: { image: Image }) {
  const formats = [...new Set(image.files.flatMap(({ format }) => format ?? []))];
  const isForeign = image.owner !== session.value?.user.name;
  return (
    <li class="tile">
      <div class="tile-head">
        <span class={`distro ${image.distro}`} aria-hidden="true">
          {image.distro.slice(0, 1).toUpperCase()}
        </span>
        <div class="tile-title">
          <a href={`#/images/${encodeURIComponent(image.id)}`}>{image.name}</a>
          <span class="note">
            {formatSystem(image)} · {image.architecture}
          </span>
        </div>
        {image.isShared && <Badge icon="people">shared</Badge>}
      </div>
      <div class="tile-tags">
        {formats.map((format) => (
          <Badge key={format}>{format}</Badge>
        ))}
        <span class="note" title={formatDate(image.createdAt)}>
          {formatAgo(image.createdAt)}
          {isForeign && `, by ${image.owner}`}
        </span>
      </div>
      <div class="tile-foot">
        <DownloadButton image={image} size="small" />
        <span class="tile-size">{image.files.length > 1 ? count(image.files.length, "file") : ""}</span>
        {image.can.remove && (
          <Button
            kind="quiet"
            size="small"
            icon="trash"
            iconOnly
            label={`Remove ${image.name}`}
            onPress={() => removeImage(image)}
          >
            Remove
          </Button>
        )}
      </div>
    </li>
  );
}

/** What is being built, above the list that it will join. */
function RunningNow() {
  const running = builds.value?.filter(({ finishedAt }) => finishedAt === null) ?? [];
  if (running.length === 0) return null;
  return (
    <ul class="rows" aria-label="Being built">
      {running.map(({ id, name, progress }) => (
        <li key={id} class="row">
          <a class="row-link" href={`#/builds/${encodeURIComponent(id)}`}>
            <span class="spinner" aria-hidden="true" />
            <div class="row-main">
              <span class="row-title">{name}</span>
              <span class="row-note">
                {progress?.title ?? "Waiting"}
                {progress?.secondsLeft != null && ` · ${formatWholeSeconds(progress.secondsLeft)} left`}
              </span>
              <Bar value={progress?.fraction ?? 0} label={`Progress of ${name}`} />
            </div>
          </a>
        </li>
      ))}
    </ul>
  );
}

function Removed() {
  const removed = removedImages.value;
  if (removed.length === 0) return null;
  const bytes = removed.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  return (
    <details class="removed">
      <summary>
        <Icon name="chevron" />
        <span>
          Removed <span class="note">{`${count(removed.length, "image")}, still ${formatBytes(bytes)} on disk`}</span>
        </span>
      </summary>
      <ul class="rows">
        {removed.map((image) => (
          <li key={image.id} class="row">
            <div class="row-link">
              <div class="row-main">
                <span class="row-title">{image.name}</span>
                <span class="row-note">
                  {formatBytes(image.sizeBytes)}
                  {image.purgeAt && `, gone for good ${formatAgo(image.purgeAt)}`}
                </span>
              </div>
              <Button size="small" icon="redo" label={`Bring ${image.name} back`} onPress={() => restoreImage(image)}>
                Undo
              </Button>
              <Button
                size="small"
                kind="danger"
                label={`Remove ${image.name} for good`}
                onPress={() => purgeImage(image)}
              >
                Remove now
              </Button>
            </div>
          </li>
        ))}
      </ul>
    </details>
  );
}

function searchText(image: Image): string {
  const { name, owner, distro, suite, architecture, hypervisors, files } = image;
  return [name, owner, distro, suite, architecture, ...hypervisors, ...files.flatMap(({ format }) => format ?? [])]
    .join(" ")
    .toLowerCase();
}
