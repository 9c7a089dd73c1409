import { getPriority } from "node:os";
import { expect, it } from "vitest";
import { runBuild } from "./run-build.ts";

const run = (script: string) =>
  runBuild({
    command: ["sh", "-c", script],
    ...{ recipe: "x", destination: "/nowhere", cacheDirectory: undefined, allowNoLogin: false },
    signal: new AbortController().signal,
    onProcess: async () => {},
    onEvent: () => {},
  });

it("lets the server go first: a build's own programs are nicer than what runs it", async () => {
  const script = `sleep 0.3; printf '{"type": "error", "code": "nice", "message": "%s"}\\n' "$(nice)"; exit 1`;
  await expect(run(script)).rejects.toMatchObject({ code: "nice", message: String(Math.max(getPriority(), 10)) });
});

it("says beside an error what came before it, and not the same again", async () => {
  const error = `printf '{"type": "error", "code": "x", "message": "no package", "hint": "check"}\\n'`;
  const said = "printf 'vmbuilder: error: no package [x]\\n  hint: check\\n' >&2; exit 1";
  await expect(run(`${error}; ${said}`)).rejects.toMatchObject({ message: "no package", hint: "check", detail: null });
  await expect(run(`${error}; echo E: apt >&2; ${said}`)).rejects.toMatchObject({ detail: "E: apt" });
});
