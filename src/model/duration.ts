/** Formats a duration for people: `0.4 s`, `12 s`, `1m 05s`, `2h 07m`. */
export function formatSeconds(seconds: number): string {
  return seconds < 9.95 ? `${seconds.toFixed(1)} s` : formatWholeSeconds(Math.round(seconds));
}

/** Formats a duration that still runs or is a guess, without tenths: `3 s`, `1m 05s`. */
export function formatWholeSeconds(seconds: number): string {
  const whole = Math.floor(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)}m ${twoDigits(whole % 60)}s`;
  return `${Math.floor(whole / 3600)}h ${twoDigits(Math.floor((whole % 3600) / 60))}m`;
}

/** Formats a moment of a build as a clock does: `0:07`, `12:30`, `1:02:03`. */
export function formatClock(seconds: number): string {
  const whole = Math.floor(seconds);
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes}:${twoDigits(whole % 60)}`;
  return `${Math.floor(minutes / 60)}:${twoDigits(minutes % 60)}:${twoDigits(whole % 60)}`;
}

function twoDigits(value: number): string {
  return String(value).padStart(2, "0");
}
