import type { Command } from "commander";
import { runSession } from "../session.ts";
import { writeJsonLine } from "../terminal/json-lines.ts";

interface SignOptions {
  key?: string;
  minisignKey?: string;
  json?: boolean;
  quiet?: boolean;
}

interface VerifyOptions {
  key?: string;
  unsigned?: boolean;
  json?: boolean;
  quiet?: boolean;
}

/** Adds `vmbuilder sign` and `vmbuilder verify`. */
export function addSign(program: Command): void {
  program
    .command("sign")
    .argument("<DIR>", "folder of a built machine, or of converted images")
    .description("Writes SHA256SUMS and signs it.")
    .option("--key <ID>", "key of gpg (default gpg's own)")
    .option("--minisign-key <FILE>", "sign with this secret key of minisign instead")
    .option("--json", "events and result as lines of JSON")
    .option("-q, --quiet", "only warnings and errors")
    .action((directory: string, options: SignOptions) => sign(directory, options));
  program
    .command("verify")
    .argument("<DIR>", "folder that vmbuilder sign has signed")
    .description("Verifies a folder's signature and its files.")
    .option("--key <FILE>", "trust this public key of gpg or minisign alone (default gpg's ring)")
    .option("--unsigned", "compare the hashes alone")
    .option("--json", "events and result as lines of JSON")
    .option("-q, --quiet", "only warnings and errors")
    .action((directory: string, options: VerifyOptions) => verify(directory, options));
}

async function sign(directory: string, { key, minisignKey, json, quiet }: SignOptions): Promise<void> {
  const { signFolder } = await import("../../machines/sign.ts");
  const files = await runSession({ json, quiet }, ({ signal, emit }) =>
    signFolder({ directory, key, minisignKey, signal, emit }),
  );
  if (json) writeJsonLine(process.stdout, { type: "result", files });
  else if (!quiet) process.stdout.write(files.map((file) => `${file}\n`).join(""));
}

async function verify(directory: string, { key, unsigned = false, json, quiet }: VerifyOptions): Promise<void> {
  const { verifyFolder } = await import("../../machines/sign.ts");
  const found = await runSession({ json, quiet }, ({ signal, emit }) =>
    verifyFolder({ directory, key, unsigned, signal, emit }),
  );
  if (json) return writeJsonLine(process.stdout, { type: "result", ...found });
  if (quiet) return;
  const by = found.signer === undefined ? "not signed, but the hashes hold" : `signed by ${found.signer}`;
  const lines = [
    `${found.files.length} files in ${directory}: ${by}`,
    ...found.unlisted.map((name) => `not listed: ${name}`),
  ];
  process.stdout.write(lines.map((line) => `${line}\n`).join(""));
}
