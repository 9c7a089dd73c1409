import { useCompileCache } from "./compile-cache.ts";

useCompileCache();
for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") return; // the reader has seen enough; the work goes on, and its status tells how it ended
    process.exitCode = 1;
  });
}
const { runCli } = await import("./run.ts");
const status = await runCli(process.argv);
process.exitCode ||= status;
