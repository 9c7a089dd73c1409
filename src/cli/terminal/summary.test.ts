import { expect, it } from "vitest";
import { formatBuildSummary } from "./summary.ts";

it("says what was made, how to start it and how to log in", () => {
  const text = formatBuildSummary({
    hostname: "web2",
    directory: "web2-vm",
    files: [
      { name: "web2.qcow2", sizeBytes: 412_000_000 },
      { name: "run.sh", sizeBytes: 1200 },
    ],
    startCommand: "web2-vm/run.sh",
    sshCommand: "ssh -p 2222 ann@127.0.0.1",
    loginNote: "at the console as ann",
    packages: 142,
    seconds: 2.04,
    cached: ["Base system"],
    warnings: ["no\x1b key"],
  });
  expect(text).toBe(`web2 is ready in 2.0 s

  Folder   web2-vm
  Files    web2.qcow2  412 MB
           run.sh      1.2 kB
  Packages 142
  Cached   Base system

  Start    web2-vm/run.sh
  Log in   ssh -p 2222 ann@127.0.0.1
           at the console as ann

warning: no\\x1b key
`);
});
