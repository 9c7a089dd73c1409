import { type Signal, signal } from "@preact/signals";
import { apiUrl, get } from "../api/client.ts";
import type { Build, BuildStep, LogLine, Progress } from "../api/types.ts";

const LINES_KEPT = 2000;

/** One build as it happens. */
export interface BuildStream {
  readonly build: Signal<Build | undefined>;
  readonly steps: Signal<readonly BuildStep[]>;
  readonly lines: Signal<readonly LogLine[]>;
  readonly error: Signal<unknown>;
  readonly close: () => void;
}

/** Follows a build from its first step on. */
export function openBuildStream(id: string): BuildStream {
  const build = signal<Build | undefined>(undefined);
  const steps = signal<readonly BuildStep[]>([]);
  const lines = signal<readonly LogLine[]>([]);
  const error = signal<unknown>(undefined);
  const path = `builds/${encodeURIComponent(id)}`;
  let source: EventSource | undefined;
  let isClosed = false;
  // Lines come by the hundred: they are drawn once a frame.
  let waiting: LogLine[] = [];
  const flush = () => {
    lines.value = [...lines.value, ...waiting].slice(-LINES_KEPT);
    waiting = [];
  };

  const load = async () => {
    const loaded = await get<Build>(path);
    build.value = loaded;
    steps.value = loaded.steps;
    if (loaded.finishedAt !== null) {
      const log = await get<string>(`${path}/log`).catch(() => "");
      lines.value = log
        .split("\n")
        .filter(Boolean)
        .slice(-LINES_KEPT)
        .map((message) => ({ at: "", step: "", level: "info", message }));
      return;
    }
    if (isClosed || source) return;
    source = new EventSource(apiUrl(`${path}/events`));
    const on = <Data>(event: string, take: (data: Data) => void) =>
      source?.addEventListener(event, ({ data }: MessageEvent<string>) => take(JSON.parse(data) as Data));
    on<Build>("build", (next) => {
      build.value = next;
      if (next.steps.length >= steps.peek().length) steps.value = next.steps;
    });
    on<{ progress: Progress }>("progress", ({ progress }) => {
      if (build.value) build.value = { ...build.value, progress };
    });
    on<BuildStep>("step", (step) => {
      steps.value = steps.value.some((other) => other.step === step.step)
        ? steps.value.map((other) => (other.step === step.step ? step : other))
        : [...steps.value, step];
    });
    on<LogLine>("log", (line) => {
      if (waiting.push(line) === 1) requestAnimationFrame(flush);
    });
    on(
      "reset",
      () =>
        void get<Build>(path).then(
          (next) => {
            build.value = next;
            steps.value = next.steps;
          },
          () => undefined,
        ),
    );
    on("end", () => {
      source?.close();
      void get<Build>(path).then(
        (next) => {
          build.value = next;
          steps.value = next.steps;
        },
        () => undefined,
      );
    });
  };
  void load().catch((problem: unknown) => {
    error.value = problem;
  });
  return {
    build,
    steps,
    lines,
    error,
    close: () => {
      isClosed = true;
      source?.close();
    },
  };
}
