import type { ComponentChildren } from "preact";
import type { BuildState } from "../api/types.ts";
import { Icon, type IconName } from "./icon.tsx";

const STATES: Record<BuildState, { text: string; kind: string; icon: IconName }> = {
  queued: { text: "Waiting", kind: "neutral", icon: "clock" },
  running: { text: "Building", kind: "active", icon: "hammer" },
  cancelling: { text: "Stopping", kind: "neutral", icon: "clock" },
  succeeded: { text: "Ready", kind: "good", icon: "check" },
  failed: { text: "Failed", kind: "bad", icon: "alert" },
  cancelled: { text: "Cancelled", kind: "neutral", icon: "cross" },
};

/** The state of a build, in a word and a colour. */
export function StateBadge({ state }: { state: BuildState }) {
  const { text, kind, icon } = STATES[state];
  return (
    <Badge kind={kind} icon={icon}>
      {text}
    </Badge>
  );
}

/** A short word in a coloured field. */
export function Badge({
  kind = "neutral",
  icon,
  children,
}: {
  kind?: string;
  icon?: IconName;
  children: ComponentChildren;
}) {
  return (
    <span class={`badge ${kind}`}>
      {icon && <Icon name={icon} />}
      {children}
    </span>
  );
}

/** How far something is, from 0 to 1. */
export function Bar({ value, label, kind = "" }: { value: number; label: string; kind?: string }) {
  const percent = Math.round(Math.min(1, Math.max(0, value)) * 100);
  return (
    <div
      class={`bar ${kind}`}
      role="progressbar"
      aria-label={label}
      aria-valuenow={percent}
      aria-valuemin={0}
      aria-valuemax={100}
    >
      <div class="bar-fill" style={{ width: `${percent}%` }} />
    </div>
  );
}

/** What stands where a list would be, when there is nothing to list. */
export function Empty({ icon, title, children }: { icon: IconName; title: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <span class="empty-icon">
        <Icon name={icon} />
      </span>
      <h2>{title}</h2>
      {children}
    </div>
  );
}

/** Grey shapes where a list will be. */
export function Loading({ rows = 3 }: { rows?: number }) {
  return (
    <div class="loading" role="status" aria-label="Loading">
      {Array.from({ length: rows }, (_, row) => (
        <div key={row} class="loading-row" />
      ))}
    </div>
  );
}

/** A message in a coloured box. */
export function Message({
  kind,
  title,
  children,
}: {
  kind: "bad" | "warn" | "good" | "info";
  title: ComponentChildren;
  children?: ComponentChildren;
}) {
  const icon = ({ bad: "alert", warn: "alert", good: "check", info: "info" } as const)[kind];
  return (
    <div class={`message ${kind}`} role={kind === "bad" ? "alert" : undefined}>
      <Icon name={icon} />
      <div>
        <p class="message-title">{title}</p>
        {children}
      </div>
    </div>
  );
}
