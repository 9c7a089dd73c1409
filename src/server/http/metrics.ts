import { statfs } from "node:fs/promises";
import { JOB_STATES } from "../jobs/job.ts";
import type { ServerContext } from "../server-context.ts";

/** What Prometheus reads. @see https://prometheus.io/docs/instrumenting/exposition_formats/ */
export async function renderMetrics({
  jobs,
  database,
  folder,
  feed,
  counters,
  settings,
}: ServerContext): Promise<string> {
  const room = await statfs(folder.path);
  const images = database.get("SELECT count(*) AS count, coalesce(sum(sizeBytes), 0) AS bytes FROM images");
  const states = await Promise.all(
    JOB_STATES.map(async (state) => [`{state="${state}"}`, await jobs.count(state)] as const),
  );
  const requests = [...counters.requests].map(([status, count]) => [`{status="${status}"}`, count] as const);
  const one = (value: unknown) => [["", Number(value)]] as const;
  return [
    metric("builds", "gauge", "Builds by state", states),
    metric("images", "gauge", "Images, removed ones among them", one(images?.count)),
    metric("images_bytes", "gauge", "Bytes of images", one(images?.bytes)),
    metric("machines", "gauge", "Machines", one(database.get("SELECT count(*) AS count FROM machines")?.count)),
    metric("disk_free_bytes", "gauge", "Free bytes where images are kept", one(room.bavail * room.bsize)),
    metric("http_requests_total", "counter", "Answers by class of status", requests),
    metric("downloads_total", "counter", "Downloads that were begun", one(counters.downloads)),
    metric("event_streams", "gauge", "Open event streams", one(feed.count())),
    metric("parallel_builds", "gauge", "Builds that may run at once", one(settings.capacity.parallelBuilds)),
    metric("resident_memory_bytes", "gauge", "Memory of the server's process", one(process.memoryUsage.rss())),
    metric("uptime_seconds", "gauge", "Seconds since the start", one(Math.round(process.uptime()))),
  ].join("");
}

function metric(name: string, type: string, help: string, samples: readonly (readonly [string, number])[]): string {
  const lines = samples.map(([labels, value]) => `vmbuilder_${name}${labels} ${value}\n`);
  return `# HELP vmbuilder_${name} ${help}\n# TYPE vmbuilder_${name} ${type}\n${lines.join("")}`;
}
