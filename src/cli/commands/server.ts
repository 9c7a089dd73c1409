import { type Command, Option } from "commander";
import { writeJsonLine } from "../terminal/json-lines.ts";

interface BackupValues {
  dataDir?: string;
  json?: boolean;
}

/** Adds `vmbuilder server backup|restore`. */
export function addServer(program: Command): void {
  const server = program.command("server").description("Looks after what a server keeps.");
  const add = (name: string, argument: string) =>
    server
      .command(name)
      .argument("<FILE>", argument)
      .option("--data-dir <DIR>", "the server's (default ~/.local/share/vmbuilder/server)")
      .addOption(new Option("--json", "print one line of JSON"));
  add("backup", "file to make")
    .summary("Saves users, profiles and tokens.")
    .description("Writes users, profiles and tokens into a file; the server may run.")
    .action((file: string, values: BackupValues) => backup(file, values));
  add("restore", "file that backup has made")
    .summary("Takes them from a backup.")
    .description("Takes users, profiles and tokens from a backup; what else there is stays.")
    .action((file: string, values: BackupValues) => restore(file, values));
}

async function backup(file: string, { dataDir, json }: BackupValues): Promise<void> {
  const { backupServer } = await import("../../server/backup.ts");
  const contents = await backupServer(dataDir, file);
  if (json) writeJsonLine(process.stdout, { type: "backup", file, ...contents });
  else process.stdout.write(`${file} holds ${described(contents)}; keep it where nobody else reads it\n`);
}

async function restore(file: string, { dataDir, json }: BackupValues): Promise<void> {
  const { restoreServer } = await import("../../server/backup.ts");
  const contents = await restoreServer(dataDir, file);
  if (json) writeJsonLine(process.stdout, { type: "restore", file, ...contents });
  else process.stdout.write(`restored ${described(contents)}\n`);
}

function described(contents: { users: number; profiles: number; tokens: number }): string {
  return `users: ${contents.users}, profiles: ${contents.profiles}, tokens: ${contents.tokens}`;
}
