import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { get, send } from "../api/client.ts";
import type { Usage } from "../api/types.ts";
import { Button } from "../parts/button.tsx";
import { count, formatBytes } from "../parts/format.ts";
import { Page } from "../parts/page.tsx";
import { Bar, Loading } from "../parts/states.tsx";
import { notify, notifyError } from "../state/notices.ts";
import { isAdmin } from "../state/session.ts";
import { UsagePlot } from "./usage-plot.tsx";

/** What takes space, how that went, and what one may still use. */
export function Storage() {
  const usage = useSignal<Usage | undefined>(undefined);
  const load = async () => {
    usage.value = await get<Usage>("usage");
  };
  useEffect(() => {
    void load().catch(notifyError);
  }, []);
  const clean = async () => {
    const { freedBytes } = await send<{ freedBytes: number }>("POST", "cache/clean");
    notify(`${formatBytes(freedBytes)} are free again`);
    await load();
  };
  const now = usage.value;
  return (
    <Page
      title="Storage"
      lead="Images, machines, and the cache that makes the next one quick."
      actions={
        isAdmin.value && (
          <Button icon="trash" onPress={clean}>
            Clean the cache
          </Button>
        )
      }
    >
      {!now && <Loading />}
      {now && (
        <div class="storage">
          <section class="card" aria-labelledby="disk">
            <h2 id="disk">Disk</h2>
            <DiskUse disk={now.disk} />
          </section>
          <section class="card" aria-labelledby="history">
            <h2 id="history">The last 30 days</h2>
            <UsagePlot points={now.history} />
          </section>
          <div class="two">
            <section class="card" aria-labelledby="yours">
              <h2 id="yours">Yours</h2>
              <Quota name="Disk" used={now.own.usage.diskBytes} most={now.own.quota.diskBytes} show={formatBytes} />
              <Quota name="Images" used={now.own.usage.images} most={now.own.quota.images} show={String} />
              <Quota name="Machines" used={now.own.usage.machines} most={now.own.quota.machines} show={String} />
              <Quota
                name="Builds at once"
                used={now.own.usage.activeBuilds}
                most={now.own.quota.activeBuilds}
                show={String}
              />
            </section>
            <section class="card" aria-labelledby="server">
              <h2 id="server">This server</h2>
              <dl class="facts">
                <div>
                  <dt>Processors</dt>
                  <dd>{now.capacity.cores}</dd>
                </div>
                <div>
                  <dt>Memory</dt>
                  <dd>{formatBytes(now.capacity.memoryBytes)}</dd>
                </div>
                <div>
                  <dt>Builds side by side</dt>
                  <dd>{now.capacity.parallelBuilds}</dd>
                </div>
                <div>
                  <dt>Now</dt>
                  <dd>{`${count(now.queue.running, "build")} running, ${now.queue.queued} waiting`}</dd>
                </div>
              </dl>
            </section>
          </div>
        </div>
      )}
    </Page>
  );
}

function DiskUse({ disk }: { disk: Usage["disk"] }) {
  const { totalBytes, freeBytes, imagesBytes, removedBytes, cacheBytes } = disk;
  const other = Math.max(0, totalBytes - freeBytes - imagesBytes - removedBytes - cacheBytes);
  const parts = [
    { name: "Images", bytes: imagesBytes, tone: "tone-0" },
    { name: "Removed", bytes: removedBytes, tone: "tone-3" },
    { name: "Cache", bytes: cacheBytes, tone: "tone-1" },
    { name: "Everything else", bytes: other, tone: "tone-other" },
    { name: "Free", bytes: freeBytes, tone: "tone-free" },
  ];
  return (
    <figure class="disk">
      <figcaption>
        <strong class="big">{formatBytes(freeBytes)} free</strong>
        <span class="note">of {formatBytes(totalBytes)}</span>
      </figcaption>
      <div class="disk-bar tall" aria-hidden="true">
        {parts.map(({ name, bytes, tone }) => (
          <span key={name} class={`part ${tone}`} style={{ flexGrow: bytes / totalBytes }} />
        ))}
      </div>
      <ul class="legend">
        {parts.map(({ name, bytes, tone }) => (
          <li key={name}>
            <span class={`swatch ${tone}`} aria-hidden="true" />
            {name} <span class="note">{formatBytes(bytes)}</span>
          </li>
        ))}
      </ul>
    </figure>
  );
}

function Quota({
  name,
  used,
  most,
  show,
}: {
  name: string;
  used: number;
  most: number;
  show: (value: number) => string;
}) {
  return (
    <div class="quota">
      <p>
        <span>{name}</span>
        <span class="note">{most > 0 ? `${show(used)} of ${show(most)}` : show(used)}</span>
      </p>
      {most > 0 && (
        <Bar
          value={used / most}
          label={`${name}: ${show(used)} of ${show(most)}`}
          kind={used / most > 0.9 ? "bad" : ""}
        />
      )}
    </div>
  );
}
