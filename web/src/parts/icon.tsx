/** Outlines on a grid of 24, drawn with a stroke. */
const SHAPES = {
  plus: "M12 5v14M5 12h14",
  stack: "M4 8l8-4 8 4-8 4zM4 12l8 4 8-4M4 16l8 4 8-4",
  hammer: "M14 6l4 4M12.5 7.5 4 16v4h4l8.5-8.5M13 4l7 7",
  bookmark: "M7 4h10v16l-5-4-5 4z",
  drive: "M4 14h16v5H4zM6.5 5h11L20 14H4zM8 16.5h.01M11 16.5h4",
  people:
    "M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM2.5 20a6.5 6.5 0 0 1 13 0M16 4.4a3.5 3.5 0 0 1 0 6.2M18 14.2a6.5 6.5 0 0 1 3.5 5.8",
  person: "M12 11.5a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4.5 20.5a7.5 7.5 0 0 1 15 0",
  play: "M7 4.5v15l12-7.5z",
  stop: "M6.5 6.5h11v11h-11z",
  power: "M12 3.5v8M7 6.8a7.5 7.5 0 1 0 10 0",
  terminal: "M3.5 5h17v14h-17zM7 9l3 3-3 3M12.5 15H17",
  camera: "M4 8h3.5L9 5.5h6L16.5 8H20v11H4zM12 16.5a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7z",
  flask: "M9.5 3.5h5M10.5 3.5v6L5 18.5c-.6 1 .1 2 1.2 2h11.6c1.1 0 1.8-1 1.2-2l-5.5-9v-6M8 15h8",
  book: "M12 6.5C10 5 7 4.5 4 4.5v13.5c3 0 6 .5 8 2 2-1.5 5-2 8-2V4.5c-3 0-6 .5-8 2zM12 6.5V20",
  check: "M5 12.5l4.5 4.5L19 7.5",
  cross: "M6 6l12 12M18 6L6 18",
  alert: "M12 4 2.8 19.5h18.4zM12 10v4.5M12 17.2h.01",
  info: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM12 11v5M12 8h.01",
  download: "M12 4v11M7.5 11l4.5 4.5L16.5 11M5 19.5h14",
  share: "M10 13.5a4 4 0 0 0 6 .5l3-3a4 4 0 0 0-5.7-5.7L12 6.6M14 10.5a4 4 0 0 0-6-.5l-3 3a4 4 0 0 0 5.7 5.7l1.3-1.3",
  trash: "M4.5 7h15M9.5 7V4.5h5V7M6.5 7l1 13h9l1-13M10 11v5M14 11v5",
  redo: "M19.5 5v5h-5M19 10a8 8 0 1 0 .5 5",
  edit: "M4 20h4L19.5 8.5l-4-4L4 16zM13 7l4 4",
  search: "M10.5 17a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13zM15.5 15.5 20 20",
  copy: "M9 9h11v11H9zM15 9V4H4v11h5",
  sun: "M12 16.5a4.5 4.5 0 1 0 0-9 4.5 4.5 0 0 0 0 9zM12 2.5v2M12 19.5v2M2.5 12h2M19.5 12h2M5.3 5.3l1.4 1.4M17.3 17.3l1.4 1.4M5.3 18.7l1.4-1.4M17.3 6.7l1.4-1.4",
  moon: "M20 14.5A8.5 8.5 0 0 1 9.5 4a8.5 8.5 0 1 0 10.5 10.5z",
  screen: "M3.5 5h17v11h-17zM9 20h6M12 16v4",
  clock: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM12 7v5l3.5 2",
  bolt: "M13 3 5 13.5h6L10 21l9-11h-6.5z",
  box: "M4 8l8-4.5L20 8v8l-8 4.5L4 16zM4 8l8 4.5L20 8M12 12.5v8",
  key: "M8 16.5a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM11.5 11 20 5.5M17 7.5l2 3M14.5 9l1.5 2.5",
  chevron: "M8.5 5.5 15 12l-6.5 6.5",
  code: "M8.5 7 3.5 12l5 5M15.5 7l5 5-5 5",
  globe: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM3.5 12h17M12 3c3 3 3.5 6 3.5 9s-.5 6-3.5 9c-3-3-3.5-6-3.5-9S9 6 12 3z",
  database:
    "M12 9.5c4.4 0 7.5-1.3 7.5-3S16.4 3.5 12 3.5 4.5 4.8 4.5 6.5s3.1 3 7.5 3zM4.5 6.5v11c0 1.7 3.1 3 7.5 3s7.5-1.3 7.5-3v-11M4.5 12c0 1.7 3.1 3 7.5 3s7.5-1.3 7.5-3",
  file: "M6 3.5h8l4 4v13H6zM14 3.5v4h4",
  logout: "M10 4H5v16h5M10 12h10M16.5 8l4 4-4 4",
} as const;

export type IconName = keyof typeof SHAPES;

/** A picture beside words, which say the same: screen readers leave it out. */
export function Icon({ name, class: className = "" }: { name: IconName; class?: string }) {
  return (
    <svg class={`icon ${className}`} viewBox="0 0 24 24" aria-hidden="true">
      <path d={SHAPES[name]} />
    </svg>
  );
}

/** The mark of the program. */
export function Mark() {
  return (
    <svg class="mark" viewBox="0 0 32 32" aria-hidden="true">
      <rect width="32" height="32" rx="8" class="mark-ground" />
      <path class="mark-top" d="M7 11.5 16 7l9 4.5-9 4.5z" />
      <path class="mark-lines" d="m7 16 9 4.5 9-4.5M7 20.5 16 25l9-4.5" />
    </svg>
  );
}
