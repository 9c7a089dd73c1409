import { VmbuilderError } from "../model/errors.ts";
import { CommandError, cleanEnvironment, run } from "./process.ts";

/** A file to put on a host that is reached by ssh. */
export interface SftpUpload {
  readonly path: string;
  readonly name: string;
  readonly sha256: string;
  readonly url: URL;
  /** ssh's configuration, in the place of the user's. */
  readonly sshConfig: string | undefined;
  readonly signal: AbortSignal;
}

/**
 * Puts a file by sftp (openssh-client) under a name that belongs to its content, and gives it its own when it is whole; a former
 * attempt's part is continued. ssh's own configuration says how the host is reached; it can ask nothing.
 *
 * @throws upload-failed
 */
export async function sftpFile({ path, name, sha256, url, sshConfig, signal }: SftpUpload): Promise<void> {
  const folder = decodeURIComponent(url.pathname).replace(/\/$/, "") || "/";
  const part = `${folder}/.${name}.${sha256.slice(0, 16)}.part`;
  const port = url.port === "" ? [] : ["-P", url.port];
  const config = sshConfig === undefined ? [] : ["-F", sshConfig];
  const user = url.username === "" ? "" : `${decodeURIComponent(url.username)}@`;
  const argv = ["sftp", "-q", "-b", "-", "-o", "BatchMode=yes", ...config, ...port, "--", `${user}${url.hostname}`];
  const agent = process.env.SSH_AUTH_SOCK;
  const env = { ...cleanEnvironment(), ...(agent ? { SSH_AUTH_SOCK: agent } : {}) };
  const send = (command: "put" | "reput") => {
    const batch = [
      `-mkdir ${quoted(folder)}`,
      `${command} ${quoted(path)} ${quoted(part)}`,
      `rename ${quoted(part)} ${quoted(`${folder}/${name}`)}`,
    ];
    return run(argv, { env, signal, input: `${batch.join("\n")}\n` });
  };
  try {
    await send("reput").catch((error: unknown) => {
      // reput wants a part to continue
      if (error instanceof CommandError && /^stat remote: No such file/m.test(error.stderr)) return send("put");
      throw error;
    });
  } catch (cause) {
    if (signal.aborted || !(cause instanceof CommandError)) throw cause;
    const lines = cause.stderr.trim().split("\n");
    const why = lines.filter((line) => !/mkdir|File exists/.test(line)).at(-1) ?? "";
    throw new VmbuilderError(
      "upload-failed",
      `${url.host}:${folder}/${name}: ${why || `sftp ended with status ${cause.status}`}`,
      {
        hint: "check that ssh reaches the host without a question, then run it again: what has arrived is not sent twice",
        cause,
      },
    );
  }
}

/** As sftp's own commands read a path. A line end would begin another command, and one of those runs programs here. */
function quoted(path: string): string {
  if (/[\r\n\0]/.test(path))
    throw new VmbuilderError("upload-failed", `${JSON.stringify(path)} has a line end in its name`, {
      hint: "rename it",
    });
  return `"${path.replace(/[\\"]/g, "\\$&").replace(/[*?[]/g, "\\$&")}"`;
}
