/**
 * Records commands in a terminal of 84 columns, as they are, and writes moving pictures of them into docs/pictures. The machine is made from nothing, with the host's
 * mirror, in an empty folder with an empty cache.
 *
 *   node scripts/pictures/record.ts
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Frame, recordingSvg } from "./recording-svg.ts";
import { createScreen, type Line } from "./terminal-screen.ts";

const ROOT = join(import.meta.dirname, "../..");
const PICTURES = join(ROOT, "docs/pictures");
const [COLUMNS, ROWS] = [84, 40];
/** Of what happens in less time, the picture shows the end alone. */
const SHORTEST_FRAME_SECONDS = 0.8;

const folder = mkdtempSync(join(tmpdir(), "demo-"));
try {
  mkdirSync(join(folder, "cache"));
  const key = join(folder, "id_ed25519");
  spawnSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", key], { stdio: "inherit" });
  const first = record("vmbuilder build --hostname web --user joe --ssh-user-key id_ed25519.pub");
  const second = record("vmbuilder build --hostname web2 --user joe --ssh-user-key id_ed25519.pub");
  write(
    "build",
    first,
    "vmbuilder build: the steps with their progress, and at the end where the machine is and how to log in",
  );
  write(
    "build-again",
    second,
    "vmbuilder build for a second machine with the same packages: nearly all of it comes from the cache",
  );
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** Runs a command in a terminal of its own, and keeps what it showed when. */
function record(command: string): Frame[] {
  const [out, timing] = [join(folder, "out"), join(folder, "timing")];
  const inside = `stty cols ${COLUMNS} rows ${ROWS}; exec ${command}`;
  const env = {
    PATH: `${join(ROOT, "bin")}:${process.env.PATH}`,
    HOME: folder,
    TERM: "xterm-256color",
    LANG: "C.UTF-8",
    VMBUILDER_CACHE_DIR: join(folder, "cache"),
  };
  const args = [
    "--quiet",
    "--return",
    "--logging-format",
    "classic",
    "--log-out",
    out,
    "--log-timing",
    timing,
    "--command",
    inside,
  ];
  const { status } = spawnSync("script", args, { cwd: folder, env, stdio: ["ignore", "ignore", "inherit"] });
  if (status !== 0) throw new Error(`${command} ended with ${status}:\n${readFileSync(out, "utf8")}`);
  return frames(command, readFileSync(out), readFileSync(timing, "utf8"));
}

function frames(command: string, out: Buffer, timing: string): Frame[] {
  const screen = createScreen();
  const decoder = new TextDecoder();
  const prompt: Line = [
    { text: "$ ", look: "dim" },
    { text: command, look: "bold" },
  ];
  const found: Frame[] = [{ seconds: 0, lines: [prompt] }];
  let at = out.indexOf("\n") + 1; // after script's own line
  let seconds = 0;
  for (const line of timing.trim().split("\n")) {
    const [wait = 0, bytes = 0] = line.split(" ").map(Number);
    seconds += wait;
    screen.write(decoder.decode(out.subarray(at, at + bytes), { stream: true }));
    at += bytes;
    const frame = { seconds, lines: [prompt, ...screen.lines()] };
    const before = found.at(-1);
    if (found.length > 1 && before && seconds - (found.at(-2)?.seconds ?? 0) < SHORTEST_FRAME_SECONDS) found.pop();
    found.push(frame);
  }
  return found;
}

function write(name: string, recorded: readonly Frame[], title: string): void {
  const path = join(PICTURES, `${name}.svg`);
  writeFileSync(path, recordingSvg(recorded, COLUMNS, title));
  console.log(`${path}: ${recorded.length} frames, ${recorded.at(-1)?.seconds.toFixed(0)} s`);
}
