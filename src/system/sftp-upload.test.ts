import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { sftpFile } from "./sftp-upload.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "vmbuilder-sftp-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

it.each([
  ["a file's name", (command: string) => ({ name: `a\n${command}\n`, url: new URL("sftp://host.example.org/x") })],
  ["a folder's name", (command: string) => ({ name: "a", url: new URL(`sftp://host.example.org/x%0A${command}%0A`) })],
])("lets %s give no command to sftp", async (_, target) => {
  const ssh = join(folder, "config");
  await writeFile(ssh, "Host *\n  ProxyCommand /bin/false\n");
  const given = {
    path: join(folder, "a"),
    sha256: "0".repeat(64),
    sshConfig: ssh,
    signal: new AbortController().signal,
  };
  await expect(sftpFile({ ...given, ...target(`!touch ${folder}/made`) })).rejects.toThrow(
    "has a line end in its name",
  );
});
