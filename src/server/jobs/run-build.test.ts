import { getPriority } from "node:os";
import { expect, it } from "vitest";
import { runBuild } from "./run-build.ts";

it("lets the server go first: a build's own programs are nicer than what runs it", async () => {
  const script = `sleep 0.3; printf '{"type": "error", "code": "nice", "message": "%s"}\\n' "$(nice)"; exit 1`;
  const built = runBuild({
    command: ["sh", "-c", script],
    ...{ recipe: "x", destination: "/nowhere", cacheDirectory: undefined, allowNoLogin: false },
    signal: new AbortController().signal,
    onProcess: async () => {},
    onEvent: () => {},
  });
  await expect(built).rejects.toMatchObject({ code: "nice", message: String(Math.max(getPriority(), 10)) });
});
