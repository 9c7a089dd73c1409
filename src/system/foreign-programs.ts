import { constants } from "node:fs";
import { access, type FileHandle, mkdir, mkdtemp, open, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ARCHITECTURES, type Architecture, PROCESSOR_NAMES } from "../model/architecture.ts";
import { lowestLayer } from "./tree-layers.ts";

/** How ELF calls a processor, and a program for it that does nothing but end well. */
interface Processor {
  /** e_machine of an ELF header. @see https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.eheader.html */
  readonly elfMachine: number;
  /** exit(0), in machine code. */
  readonly exit: readonly number[];
}

const PROCESSORS: Record<Architecture, Processor> = {
  // xor edi, edi; mov eax, 60; syscall
  amd64: { elfMachine: 62, exit: [0x31, 0xff, 0xb8, 60, 0, 0, 0, 0x0f, 0x05] },
  // mov x0, #0; mov x8, #93; svc #0
  arm64: { elfMachine: 183, exit: [0, 0, 0x80, 0xd2, 0xa8, 0x0b, 0x80, 0xd2, 1, 0, 0, 0xd4] },
  // li a0, 0; li a7, 93; ecall
  riscv64: { elfMachine: 243, exit: [0x13, 5, 0, 0, 0x93, 8, 0xd0, 5, 0x73, 0, 0, 0] },
};

const ELF_HEADER_BYTES = 64;
const PROGRAM_HEADER_BYTES = 56;
const PROGRAM_HEADER_INTERPRETER = 3;

/** The architecture of this machine. */
export function hostArchitecture(): Architecture {
  return process.arch === "arm64" || process.arch === "riscv64" ? process.arch : "amd64";
}

/** What a tree's shell is compiled for; undefined when it has none, or one for a processor that we don't know. */
async function treeArchitecture(tree: string): Promise<Architecture | undefined> {
  // a hostile tree may have a fifo there, or a link that leads out: the worst that comes of it is a wrong answer
  const header = await readStart(join(lowestLayer(tree), "bin/sh"), ELF_HEADER_BYTES);
  if (header?.readUInt32BE(0) !== 0x7f454c46) return undefined;
  return ARCHITECTURES.find((name) => PROCESSORS[name].elfMachine === header.readUInt16LE(18));
}

/**
 * Registers an interpreter where the kernel has binfmt_misc for user namespaces (Linux 6.7); else the host's do. What is
 * registered is so for all of our namespace: a second time fails, and makes no difference.
 */
const REGISTER = `{ mount -t binfmt_misc binfmt_misc /proc/sys/fs && printf %s "$1" >/proc/sys/fs/register; } 2>/dev/null
shift
exec "$@"`;

/**
 * What has to stand before a command line, in a user namespace, so that a tree's programs run though they are for another
 * processor: nothing for our own.
 *
 * @see https://docs.kernel.org/admin-guide/binfmt-misc.html
 */
export async function foreignPrefix(tree: string): Promise<readonly string[]> {
  const architecture = await treeArchitecture(tree);
  if (architecture === undefined || architecture === hostArchitecture()) return [];
  const emulator = await findEmulator(architecture);
  if (emulator === undefined) return []; // the host may know how
  const registration = `:vmbuilder-${architecture}:M::${magic(architecture)}:${emulator}:POF`;
  return ["unshare", "--mount", "--propagation", "private", "--", "sh", "-c", REGISTER, "sh", registration];
}

/** An ELF header's first 20 bytes, of which the system's kind and the last bit of the file's (program or shared) don't count. */
function magic(architecture: Architecture): string {
  const { elfMachine } = PROCESSORS[architecture];
  const escaped = (bytes: Iterable<number>) =>
    [...bytes].map((byte) => `\\x${byte.toString(16).padStart(2, "0")}`).join("");
  const mask = Buffer.alloc(20, 0xff);
  mask[7] = 0;
  mask[16] = 0xfe;
  return `${escaped(elfHeader(elfMachine).subarray(0, 20))}:${escaped(mask)}`;
}

/** A user-mode QEMU that needs nothing of the host's files: it runs where only the tree's are to be seen. */
async function findEmulator(architecture: Architecture): Promise<string | undefined> {
  const name = `qemu-${PROCESSOR_NAMES[architecture]}`;
  for (const path of [`/usr/bin/${name}-static`, `/usr/bin/${name}`]) {
    if (await isStaticProgram(path)) return path;
  }
  return undefined;
}

async function isStaticProgram(path: string): Promise<boolean> {
  const isThere = await access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
  const start = isThere ? await readStart(path, 4096) : undefined;
  if (start?.readUInt32BE(0) !== 0x7f454c46) return false;
  const [offset, count] = [Number(start.readBigUInt64LE(32)), start.readUInt16LE(56)];
  return !Array.from({ length: count }, (_, i) => offset + i * PROGRAM_HEADER_BYTES).some(
    (at) => at + 4 <= start.length && start.readUInt32LE(at) === PROGRAM_HEADER_INTERPRETER,
  );
}

async function readStart(path: string, bytes: number): Promise<Buffer | undefined> {
  let file: FileHandle | undefined;
  try {
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(bytes), 0, bytes, 0);
    return bytesRead >= ELF_HEADER_BYTES ? buffer.subarray(0, bytesRead) : undefined;
  } catch {
    return undefined;
  } finally {
    await file?.close();
  }
}

/** Hands out a tree whose only program, /bin/sh, is for a processor, and ends well at once. */
export async function withSmallestTree<T>(architecture: Architecture, work: (tree: string) => Promise<T>): Promise<T> {
  const tree = await mkdtemp(join(tmpdir(), "vmbuilder-probe-"));
  try {
    await mkdir(join(tree, "bin"));
    await writeFile(join(tree, "bin/sh"), smallestProgram(architecture), { mode: 0o755 });
    return await work(tree);
  } finally {
    await rm(tree, { recursive: true, force: true });
  }
}

function smallestProgram(architecture: Architecture): Buffer {
  const { elfMachine, exit } = PROCESSORS[architecture];
  const segment = Buffer.alloc(PROGRAM_HEADER_BYTES);
  const sizeBytes = ELF_HEADER_BYTES + PROGRAM_HEADER_BYTES + exit.length;
  segment.writeUInt32LE(1, 0); // PT_LOAD
  segment.writeUInt32LE(5, 4); // readable and executable
  segment.writeBigUInt64LE(LOAD_ADDRESS, 16);
  segment.writeBigUInt64LE(LOAD_ADDRESS, 24);
  segment.writeBigUInt64LE(BigInt(sizeBytes), 32);
  segment.writeBigUInt64LE(BigInt(sizeBytes), 40);
  segment.writeBigUInt64LE(0x10000n, 48);
  return Buffer.concat([elfHeader(elfMachine), segment, Buffer.from(exit)]);
}

const LOAD_ADDRESS = 0x400000n;

function elfHeader(elfMachine: number): Buffer {
  const header = Buffer.alloc(ELF_HEADER_BYTES);
  header.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]); // ELF, 64 bits, little-endian, version 1
  header.writeUInt16LE(2, 16); // a program
  header.writeUInt16LE(elfMachine, 18);
  header.writeUInt32LE(1, 20);
  header.writeBigUInt64LE(LOAD_ADDRESS + BigInt(ELF_HEADER_BYTES + PROGRAM_HEADER_BYTES), 24);
  header.writeBigUInt64LE(BigInt(ELF_HEADER_BYTES), 32);
  header.writeUInt16LE(ELF_HEADER_BYTES, 52);
  header.writeUInt16LE(PROGRAM_HEADER_BYTES, 54);
  header.writeUInt16LE(1, 56);
  return header;
}
