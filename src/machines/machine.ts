import * as z from "zod";
import { ARCHITECTURES } from "../model/architecture.ts";

/** Address of the one libvirt that runs machines: the user's own, whose QEMU is a process of theirs. */
export const LIBVIRT_SESSION = "qemu:///session";

/** Version of the form of machine.json. */
export const MACHINE_VERSION = 1;

const forwardSchema = z.object({ host: z.int().min(0).max(65535), guest: z.int().min(1).max(65535) });

/** A port of the host's loopback that leads to one of the machine. Port 0 of the host means: any that is free. */
export type Forward = z.output<typeof forwardSchema>;

/** What is needed to start a machine: the file machine.json of its folder. */
export const machineSchema = z.object({
  vmbuilder: z.literal(MACHINE_VERSION),
  hostname: z.string(),
  createdAt: z.string(),
  /** What it was made from, for people. */
  origin: z.string(),
  architecture: z.enum(ARCHITECTURES),
  firmware: z.enum(["bios", "uefi"]),
  memoryMb: z.int(),
  cpus: z.int(),
  uuid: z.string(),
  /** Images in its folder; it boots from the first. */
  disks: z.array(z.string().regex(/^[^/\0]+$/)),
  cards: z.array(
    z.object({
      /** Of qemu's `-netdev`. */
      netdev: z.string(),
      mac: z.string().optional(),
      /** The machine's fixed address, where qemu wouldn't find it by itself. */
      guest: z.string().optional(),
      isUser: z.boolean(),
    }),
  ),
  forwards: z.array(forwardSchema).default([]),
  /** The libvirt of this user that runs it, where one does. */
  libvirt: z.literal(LIBVIRT_SESSION).optional(),
  /** The command at whose end it is removed, by process. */
  owner: z.object({ pid: z.int(), start: z.string() }).optional(),
  /** The booted machine of the cache that it goes on from. */
  snapshot: z
    .object({
      key: z.string().regex(/^[0-9a-f]{64}$/),
      cacheDirectory: z.string(),
      /** False until it has its own identity; a start makes it anew then. */
      isRenewed: z.boolean(),
    })
    .optional(),
});

/** A machine as it was made. */
export type MachineSpec = z.output<typeof machineSchema>;

/** What is known of a machine that was started: the file run.json of its folder. */
export const runSchema = z.object({
  pid: z.int(),
  start: z.string(),
  /** The host's run, by which a number that another process has after a reboot is told apart. */
  hostBoot: z.string(),
  startedAt: z.string(),
  accelerator: z.enum(["kvm", "tcg"]),
  sshPort: z.int().optional(),
  forwards: z.array(forwardSchema).default([]),
});

/** A start of a machine. */
export type MachineRun = z.output<typeof runSchema>;

/** A machine of the store. */
export interface Machine extends MachineSpec {
  readonly name: string;
  readonly directory: string;
}

/** Names of the files in a machine's folder, beside those that a clone has. */
export const MACHINE_FILES = {
  spec: "machine.json",
  run: "run.json",
  pid: "qemu.pid",
  log: "qemu.log",
  /** Its description for libvirt. */
  domain: "domain.xml",
  qmp: "qmp.sock",
  console: "console.sock",
  consoleLog: "console.log",
  oldConsoleLog: "console.log.1",
  knownHosts: "known_hosts",
  renewal: "renewal.sock",
  ssh: "ssh.sock",
  /** Of the screen's VNC server. */
  screen: "screen.sock",
} as const;
