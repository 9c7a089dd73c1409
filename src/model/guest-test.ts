import * as z from "zod";
import { isGuestPath } from "./file-edit.ts";

const WORD = /^[A-Za-z0-9@][A-Za-z0-9@.:\\+_-]*$/;
const SUBJECTS = ["command", "file", "service", "port", "package", "boot-within"] as const;
/** What each subject's test may say beside `name`, `after-reboot` and `timeout`. */
const DETAILS: Readonly<Record<(typeof SUBJECTS)[number], readonly string[]>> = {
  "command": ["status", "stdout", "stdout-matches", "stderr", "user"],
  "file": ["contains", "mode", "owner", "absent"],
  "service": ["state"],
  "port": ["absent"],
  "package": ["version", "absent"],
  "boot-within": [],
};
const OF_ALL = ["name", "after-reboot", "timeout"];

const pattern = z.string().refine((text) => {
  try {
    return Boolean(new RegExp(text));
  } catch {
    return false;
  }
}, "is no regular expression");
const seconds = z
  .number()
  .positive()
  .max(24 * 3600);

/**
 * What must hold in a machine. One of {@link SUBJECTS} says what is looked at, the other keys what it must be like.
 */
export const guestTestSchema = z
  .strictObject({
    "name": z.string().min(1).max(200).optional(),
    /** A line for sh, or words that no shell looks at. */
    "command": z.union([z.string().min(1), z.array(z.string()).min(1)]).optional(),
    "status": z.int().min(0).max(255).optional(),
    "stdout": z.string().optional(),
    "stdout-matches": pattern.optional(),
    "stderr": z.string().optional(),
    "user": z
      .string()
      .regex(/^[a-z_][a-z0-9_-]{0,31}$/, "is no user name")
      .optional(),
    "file": z.string().refine(isGuestPath, "is no absolute path").optional(),
    "contains": z.string().optional(),
    "mode": z
      .string()
      .regex(/^0?[0-7]{3,4}$/, 'is no mode, such as "0644"')
      .optional(),
    "owner": z
      .string()
      .regex(/^[a-z0-9_-]+(:[a-z0-9_-]+)?$/, "is no owner, such as root:root")
      .optional(),
    "absent": z.boolean().optional(),
    "service": z.string().regex(WORD, "is no name of a service").optional(),
    "state": z.enum(["active", "inactive", "enabled", "disabled"]).optional(),
    "port": z
      .union([z.int().min(1).max(65_535), z.string().regex(/^[1-9]\d{0,4}\/(tcp|udp)$/, "is no port, such as 53/udp")])
      .optional(),
    "package": z
      .string()
      .regex(/^[a-z0-9][a-z0-9+.-]+$/, "is no package name")
      .optional(),
    "version": z.string().optional(),
    "boot-within": seconds.optional(),
    "after-reboot": z.boolean().optional(),
    "timeout": seconds.optional(),
  })
  .superRefine((test, context) => {
    const given = SUBJECTS.filter((key) => test[key] !== undefined);
    const [subject] = given;
    if (subject === undefined || given.length > 1) {
      const list = `${SUBJECTS.slice(0, -1).join(", ")} or ${SUBJECTS.at(-1)}`;
      context.addIssue({
        code: "custom",
        message: `says ${given.length === 0 ? "nothing" : "too much"}: one of ${list}`,
      });
      return;
    }
    for (const key of Object.keys(test))
      if (key !== subject && !OF_ALL.includes(key) && !DETAILS[subject].includes(key))
        context.addIssue({ code: "custom", path: [key], message: `says nothing about a ${subject}` });
  });

/** A test of a recipe. */
export type GuestTest = z.output<typeof guestTestSchema>;

/** A command that looks, and what becomes of its answer. */
export interface GuestProbe {
  readonly command: readonly string[];
  readonly user?: string | undefined;
  /** Says what is wrong; undefined when nothing is. */
  judge(answer: ProbeAnswer): string | undefined;
}

/** What a probe's command said. */
export interface ProbeAnswer {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** What a test is called when it has no name. */
export function testName(test: GuestTest): string {
  if (test.name !== undefined) return test.name;
  const { command, file, service, port, package: name, absent } = test;
  if (command !== undefined) return typeof command === "string" ? command : command.join(" ");
  if (file !== undefined) return absent ? `there is no ${file}` : `${file} is as it should be`;
  if (service !== undefined) return `${service} is ${test.state ?? "active"}`;
  if (port !== undefined) return `port ${port} is ${absent ? "closed" : "open"}`;
  if (name !== undefined) return `${name} is ${absent ? "not " : ""}installed`;
  return `boots within ${test["boot-within"]} s`;
}

/** The command by which a test looks into the machine; undefined for what needs none. */
export function probeOf(test: GuestTest): GuestProbe | undefined {
  const { command, file, service, port, package: name } = test;
  if (command !== undefined) return commandProbe(test, command);
  if (file !== undefined) return fileProbe(test, file);
  if (service !== undefined) return serviceProbe(service, test.state ?? "active");
  if (port !== undefined) return portProbe(String(port), test.absent ?? false);
  if (name !== undefined) return packageProbe(test, name);
  return undefined;
}

function commandProbe(test: GuestTest, command: string | readonly string[]): GuestProbe {
  const wanted = test.status ?? 0;
  return {
    command: typeof command === "string" ? ["sh", "-c", command] : command,
    user: test.user,
    judge: ({ status, stdout, stderr }) => {
      if (status !== wanted) return `exit status ${status}, expected ${wanted}`;
      if (test.stdout !== undefined && !stdout.includes(test.stdout)) return `its output lacks ${quote(test.stdout)}`;
      const expression = test["stdout-matches"];
      if (expression !== undefined && !new RegExp(expression, "m").test(stdout))
        return `its output doesn't match /${expression}/`;
      if (test.stderr !== undefined && !stderr.includes(test.stderr))
        return `its error output lacks ${quote(test.stderr)}`;
      return undefined;
    },
  };
}

function fileProbe(test: GuestTest, file: string): GuestProbe {
  const look = 'stat -L -c "%a %U:%G %u:%g" -- "$1" && { [ "$2" = no ] || cat -- "$1"; }';
  return {
    command: ["sh", "-c", look, "sh", file, test.contains === undefined ? "no" : "yes"],
    judge: ({ status, stdout, stderr }) => {
      if (/No such file or directory/.test(stderr)) return test.absent ? undefined : `there is no ${file}`;
      if (status !== 0) return stderr.trim() || `it cannot be read`;
      if (test.absent) return `there is a ${file}`;
      const [first = "", ...rest] = stdout.split("\n");
      const [mode = "", names = "", numbers = ""] = first.split(" ");
      if (test.mode !== undefined && Number.parseInt(test.mode, 8) !== Number.parseInt(mode, 8))
        return `its mode is ${mode.padStart(4, "0")}, expected ${test.mode.padStart(4, "0")}`;
      if (test.owner !== undefined && ![names, numbers].some((owner) => isOwner(owner, test.owner ?? "")))
        return `it belongs to ${names}, expected ${test.owner}`;
      if (test.contains !== undefined && !rest.join("\n").includes(test.contains))
        return `it doesn't contain ${quote(test.contains)}`;
      return undefined;
    },
  };
}

function isOwner(owner: string, wanted: string): boolean {
  return wanted.includes(":") ? owner === wanted : owner.split(":")[0] === wanted;
}

function serviceProbe(service: string, state: NonNullable<GuestTest["state"]>): GuestProbe {
  const isRunState = state === "active" || state === "inactive";
  return {
    command: ["systemctl", isRunState ? "is-active" : "is-enabled", "--", service],
    judge: ({ stdout, stderr }) => {
      const found = stdout.trim();
      // Of a unit that doesn't exist systemd says inactive on its standard output, and not-found of whether it is enabled.
      return found === state ? undefined : `it is ${found || stderr.trim()}, expected ${state}`;
    },
  };
}

function portProbe(port: string, absent: boolean): GuestProbe {
  const [number, protocol = "tcp"] = port.split("/");
  return {
    command: ["ss", "-Hln", protocol === "udp" ? "-u" : "-t", `sport = :${number}`],
    judge: ({ status, stdout, stderr }) => {
      if (status !== 0) return stderr.trim();
      const isOpen = stdout.trim() !== "";
      if (isOpen === !absent) return undefined;
      return absent ? `a program listens there: ${stdout.trim()}` : "no program listens there";
    },
  };
}

function packageProbe({ version, absent }: GuestTest, name: string): GuestProbe {
  return {
    command: ["dpkg-query", "-W", "-f", "$" + "{db:Status-Status} $" + "{Version}", name],
    judge: ({ status, stdout }) => {
      const [state, installed = ""] = stdout.trim().split(" ");
      const isInstalled = status === 0 && state === "installed";
      if (absent) return isInstalled ? `${installed} is installed` : undefined;
      if (!isInstalled) return "it isn't installed";
      return version === undefined || installed.startsWith(version)
        ? undefined
        : `its version is ${installed}, expected ${version}`;
    },
  };
}

function quote(text: string): string {
  return JSON.stringify(text.length > 200 ? `${text.slice(0, 200)}…` : text);
}
