import { chmod } from "node:fs/promises";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { makeDirectory } from "../../system/files.ts";

/** Where the server keeps what. */
export interface DataFolder {
  readonly path: string;
  readonly database: string;
  /** Holds the link for the first admin, as long as nobody can log in. */
  readonly invitation: string;
  /** A folder for each job: its recipe, and the files that it names. */
  job(id: string): string;
  /** A folder for each image. */
  image(id: string): string;
  readonly images: string;
  readonly jobs: string;
  log(jobId: string): string;
  /** For plans. */
  readonly work: string;
  /** The store of machines. */
  readonly machines: string;
}

/** Folder unless told: `$XDG_DATA_HOME/vmbuilder/server`. */
export function defaultDataDirectory(env: NodeJS.ProcessEnv = process.env): string {
  return join(env.XDG_DATA_HOME || join(homedir(), ".local/share"), "vmbuilder/server");
}

/** Makes the folders; nobody else may read them. */
export async function openDataFolder(directory: string): Promise<DataFolder> {
  const path = resolve(directory);
  const [images, jobs, logs, work] = ["images", "jobs", "logs", "work"].map((name) => join(path, name)) as [
    string,
    string,
    string,
    string,
  ];
  for (const one of [path, images, jobs, logs, work]) await makeDirectory(one, 0o700);
  await chmod(path, 0o700);
  return {
    path,
    images,
    jobs,
    work,
    database: join(path, "server.sqlite"),
    invitation: join(path, "invitation"),
    job: (id) => join(jobs, id),
    image: (id) => join(images, id),
    log: (id) => join(logs, `${id}.log`),
    machines: join(path, "machines"),
  };
}
