import { escapeHtml } from "../docs/html.ts";
import type { Line } from "./terminal-screen.ts";

/** What the screen showed from some second on. */
export interface Frame {
  readonly seconds: number;
  readonly lines: readonly Line[];
}

const [WIDTH_OF_CHARACTER, HEIGHT_OF_LINE, MARGIN] = [8.43, 19, 18];
const BAR = 30;
/** How long the last frame stands before it begins anew. */
const LAST_SECONDS = 8;

/** A recording as a picture that moves by CSS alone, in real time. Who asked for less motion sees its end. */
export function recordingSvg(frames: readonly Frame[], columns: number, title: string): string {
  const rows = Math.max(...frames.map(({ lines }) => lines.length));
  const [width, height] = [
    Math.ceil(columns * WIDTH_OF_CHARACTER + 2 * MARGIN),
    rows * HEIGHT_OF_LINE + 2 * MARGIN + BAR,
  ];
  const total = (frames.at(-1)?.seconds ?? 0) + LAST_SECONDS;
  const share = (seconds: number) => ((seconds / total) * 100).toFixed(3);
  const keyframes = frames.map(({ seconds }, index) => {
    const until = frames[index + 1]?.seconds ?? total;
    const before = index === 0 ? "" : `0%{visibility:hidden}`;
    return `@keyframes f${index}{${before}${share(seconds)}%{visibility:visible}${until === total ? "" : `${share(until)}%{visibility:hidden}`}}`;
  });
  const looks = frames.map((_, index) => `#f${index}{animation-name:f${index}}`);
  const texts = new Map<string, string>();
  const groups = frames.map(({ lines }, index) => {
    return `<g class="frame" id="f${index}">${lines.map((line, row) => lineUse(line, row, texts)).join("")}</g>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-labelledby="title">
<title id="title">${escapeHtml(title)}</title>
<style>
text{font:14px ui-monospace,"SF Mono","Cascadia Mono","Liberation Mono","DejaVu Sans Mono",Menlo,monospace;fill:#d7e0dc;white-space:pre}
.bold{font-weight:700}.dim{fill:#8b9a94}.green{fill:#7bd99a}.cyan{fill:#5cd6d6}.yellow{fill:#f2c063}.red{fill:#ff9d94}
.frame{visibility:hidden;animation:${total.toFixed(2)}s step-end infinite}
${keyframes.join("\n")}
${looks.join("")}
#f${frames.length - 1}{visibility:visible}
@media (prefers-reduced-motion:reduce){.frame{animation:none}}
</style>
<rect width="100%" height="100%" rx="10" fill="#0e1412"/>
<circle cx="22" cy="18" r="5.5" fill="#3a4742"/><circle cx="41" cy="18" r="5.5" fill="#3a4742"/><circle cx="60" cy="18" r="5.5" fill="#3a4742"/>
<defs>
${[...texts].map(([text, id]) => `<text id="${id}">${text}</text>`).join("\n")}
</defs>
${groups.join("\n")}
</svg>
`;
}

/** A line by reference: most stand in many frames. */
function lineUse(line: Line, row: number, texts: Map<string, string>): string {
  if (line.every(({ text }) => text.trim() === "")) return "";
  const content = lineContent(line);
  const id = texts.get(content) ?? `t${texts.size}`;
  texts.set(content, id);
  return `<use href="#${id}" y="${BAR + MARGIN + row * HEIGHT_OF_LINE + 10}"/>`;
}

function lineContent(line: Line): string {
  let column = 0;
  const spans = line.map(({ text, look }) => {
    const x = (MARGIN + column * WIDTH_OF_CHARACTER).toFixed(1);
    column += [...text].length;
    if (text.trim() === "") return "";
    const length = ([...text].length * WIDTH_OF_CHARACTER).toFixed(1);
    return `<tspan x="${x}" textLength="${length}"${look === "" ? "" : ` class="${look}"`}>${escapeHtml(text)}</tspan>`;
  });
  return spans.join("");
}
