import { type ListedPackage, parseManifest } from "../../model/package-diff.ts";
import type { SystemState } from "../../model/upgrade-run.ts";
import { type Inside, UpgradeStopped } from "./inside.ts";

/** What an upgrade changes in a machine. */
export interface MachineState extends SystemState {
  /** Those included that dpkg isn't done with. */
  readonly packages: readonly ListedPackage[];
  readonly codename: string;
  readonly onHold: readonly string[];
  /** Files that dpkg and ucf left beside configuration files. */
  readonly leftovers: readonly string[];
  /** Packages that dpkg isn't done with. */
  readonly unfinished: readonly string[];
}

/** States of a package that isn't there; all but "installed" of the others are ones that dpkg isn't done with. */
const GONE = ["config-files", "not-installed"];

/** Its parts, one after the other, each begun by a line with its name. */
const LOOK = `
echo '== system'; . /etc/os-release; echo "$PRETTY_NAME"; echo "$VERSION_CODENAME"
echo '== kernel'; uname -r
echo '== used'; df -B1 --output=used / | tail -n 1
echo '== failed'; systemctl --failed --plain --no-legend | cut -d ' ' -f 1
echo '== packages'; dpkg-query -W -f '\${db:Status-Status} \${Package} \${Version} \${Architecture}\\n'
echo '== hold'; apt-mark showhold
echo '== leftovers'; find /etc -xdev -name '*.dpkg-dist' -o -name '*.dpkg-new' -o -name '*.dpkg-old' -o -name '*.ucf-dist' -o -name '*.ucf-old'
true
`;

/** Looks at a machine from inside. @throws UpgradeStopped */
export async function readState(inside: Inside): Promise<MachineState> {
  return parseState(await inside.ask(["sh", "-c", LOOK]));
}

/** Reads what the look said. Pure. */
export function parseState(text: string): MachineState {
  const parts = new Map(
    text
      .split(/^== /m)
      .slice(1)
      .map((part) => [part.slice(0, part.indexOf("\n")), part.slice(part.indexOf("\n") + 1).trim()]),
  );
  const linesOf = (name: string) => (parts.get(name) ?? "").split("\n").filter((line) => line !== "");
  const [system = "", codename = ""] = linesOf("system");
  const states = linesOf("packages").map((line) => line.split(" "));
  const present = states.filter(([state = ""]) => !GONE.includes(state));
  const unfinished = present.filter(([state]) => state !== "installed").map(([, name = ""]) => name);
  const versioned = present.filter(([, , version]) => version !== ""); // one that was never unpacked has none
  const packages = parseManifest(versioned.map(([, ...rest]) => rest.join(" ")).join("\n"));
  if (!packages) throw new UpgradeStopped("the machine's list of packages cannot be read");
  return {
    ...{ system, codename, packages, kernel: parts.get("kernel") ?? "", usedBytes: Number(parts.get("used")) },
    ...{ failedUnits: linesOf("failed"), onHold: linesOf("hold"), leftovers: linesOf("leftovers").sort() },
    unfinished,
  };
}
