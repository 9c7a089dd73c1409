import { type SuiteSwitch, switchSuites } from "../../model/switch-suites.ts";
import { type Inside, UpgradeStopped } from "./inside.ts";

const LIST =
  'for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources; do [ ! -f "$file" ] || echo "$file"; done';

/** Leads a machine's package sources to another release. @throws UpgradeStopped when none names the old one */
export async function switchSources(inside: Inside, change: SuiteSwitch): Promise<void> {
  const paths = (await inside.ask(["sh", "-c", LIST])).split("\n").filter((path) => path !== "");
  let changed = 0;
  for (const path of paths) {
    const text = await inside.ask(["cat", "--", path]);
    const switched = switchSuites(path, text, change);
    if (switched === text) continue;
    changed++;
    await writeInside(inside, path, switched);
  }
  if (changed === 0) throw new UpgradeStopped(`none of the machine's package sources names ${change.from}`);
}

/** Writes a file of a machine. */
export async function writeInside(inside: Inside, path: string, content: string): Promise<void> {
  await inside.ask(["sh", "-c", 'cat > "$1"', "sh", path], { input: content });
}

/** The address at which a machine finds this host's loopback: qemu's user network has it at the gateway. */
export async function hostAddressInside(inside: Inside): Promise<string | undefined> {
  return gatewayOf(await inside.ask(["cat", "/proc/net/route"]));
}

/** Reads the default gateway from the kernel's table of routes. Pure. */
export function gatewayOf(table: string): string | undefined {
  const hex = table
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .find(([, destination, gateway]) => destination === "00000000" && gateway !== "00000000")?.[2];
  return hex
    ?.match(/../g)
    ?.reverse()
    .map((byte) => Number.parseInt(byte, 16))
    .join(".");
}
