import type { Usage } from "../api/types.ts";
import { formatBytes } from "../parts/format.ts";

const WIDTH = 720;
const HEIGHT = 180;

/** Images and cache over time, one upon the other. */
export function UsagePlot({ points }: { points: Usage["history"] }) {
  const first = points[0];
  const last = points.at(-1);
  if (points.length < 2 || !first || !last) return <p class="note">There is a point an hour; come back later.</p>;
  const top = niceTop(Math.max(...points.map(({ imagesBytes, cacheBytes }) => imagesBytes + cacheBytes)));
  const from = Date.parse(first.at);
  const span = Date.parse(last.at) - from || 1;
  const x = (at: string) => ((Date.parse(at) - from) / span) * WIDTH;
  const y = (bytes: number) => HEIGHT - (bytes / top) * HEIGHT;
  const line = (bytes: (point: (typeof points)[number]) => number) =>
    points.map((point) => `${x(point.at).toFixed(1)},${y(bytes(point)).toFixed(1)}`);
  const caches = line(({ cacheBytes }) => cacheBytes);
  const sums = line(({ imagesBytes, cacheBytes }) => imagesBytes + cacheBytes);
  const words = `Images went from ${formatBytes(first.imagesBytes)} to ${formatBytes(last.imagesBytes)}, the cache from ${formatBytes(first.cacheBytes)} to ${formatBytes(last.cacheBytes)}.`;
  const day = (at: string) =>
    new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric" }).format(new Date(at));
  return (
    <figure class="plot">
      <div class="plot-frame">
        <div class="plot-scale" aria-hidden="true">
          <span>{formatBytes(top)}</span>
          <span>{formatBytes(top / 2)}</span>
          <span>0</span>
        </div>
        <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label={words}>
          <path class="plot-grid" d={`M0 0H${WIDTH}M0 ${HEIGHT / 2}H${WIDTH}M0 ${HEIGHT}H${WIDTH}`} />
          <path class="plot-area tone-0" d={`M${sums.join("L")}L${caches.toReversed().join("L")}Z`} />
          <path class="plot-area tone-1" d={`M${caches.join("L")}L${WIDTH},${HEIGHT}L0,${HEIGHT}Z`} />
          <path class="plot-line tone-0" d={`M${sums.join("L")}`} />
          <path class="plot-line tone-1" d={`M${caches.join("L")}`} />
        </svg>
        <div class="plot-days" aria-hidden="true">
          <span>{day(first.at)}</span>
          <span>{day(last.at)}</span>
        </div>
      </div>
      <ul class="legend">
        <li>
          <span class="swatch tone-0" aria-hidden="true" />
          Images <span class="note">{formatBytes(last.imagesBytes)}</span>
        </li>
        <li>
          <span class="swatch tone-1" aria-hidden="true" />
          Cache <span class="note">{formatBytes(last.cacheBytes)}</span>
        </li>
      </ul>
    </figure>
  );
}

/** The next of 1, 2, 5, 10, 20 … that is above. */
function niceTop(bytes: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(bytes, 1)));
  return (([1, 2, 5, 10].find((step) => step * power >= bytes) ?? 10) as number) * power;
}
