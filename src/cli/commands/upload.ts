import type { Command } from "commander";
import { runSession } from "../session.ts";
import { writeJsonLine } from "../terminal/json-lines.ts";

interface UploadOptions {
  sshConfig?: string;
  json?: boolean;
  quiet?: boolean;
}

/** Adds `vmbuilder upload`. */
export function addUpload(program: Command): void {
  program
    .command("upload")
    .argument("<DIR>", "folder of a built machine, or of converted images")
    .argument("<ADDRESS>", "https://HOST/PATH, sftp://HOST/PATH or s3://BUCKET/PATH")
    .description("Uploads a folder; run again, it goes on where it was.")
    .option("--ssh-config <FILE>", "configuration of ssh (default the user's)")
    .option("--json", "events and result as lines of JSON")
    .option("-q, --quiet", "only warnings and errors")
    .action((directory: string, target: string, options: UploadOptions) => upload(directory, target, options));
}

async function upload(directory: string, target: string, { sshConfig, json, quiet }: UploadOptions): Promise<void> {
  const { uploadFolder } = await import("../../machines/upload.ts");
  const { sent, kept } = await runSession({ json, quiet }, ({ signal, emit }) =>
    uploadFolder({ directory, target, sshConfig, signal, emit }),
  );
  if (json) writeJsonLine(process.stdout, { type: "result", sent, kept });
  else if (!quiet) process.stdout.write(`${sent.length} files sent, ${kept.length} there already\n`);
}
