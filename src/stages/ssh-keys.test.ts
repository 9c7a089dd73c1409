import { mkdtemp, open, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readSshKeys } from "./ssh-keys.ts";

const KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIF0/lVgIHVvI1Q5c9MpTwlSTx/3Wq7sg9qRgDaqkstCu me";
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "vmb-keys-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Reads what a shell would give by `<(printf TEXT)`: an open file that has no name of its own. */
async function readOpen(content: string): Promise<string[]> {
  const path = join(folder, "content");
  await writeFile(path, content);
  const file = await open(path, "r");
  try {
    return await readSshKeys("ssh-key", [`/dev/fd/${file.fd}`]);
  } finally {
    await file.close();
  }
}

describe("a key that a shell hands over by <(…)", () => {
  it("is read", async () => {
    expect(await readOpen(`# mine\n${KEY}\n`)).toEqual([KEY]);
  });

  it.each([
    ["an empty one", "", "is empty", "a pipe can be but once"],
    ["a private one", "-----BEGIN OPENSSH PRIVATE KEY-----\n", "is a private key", "<(ssh-keygen -y -f"],
    ["no key", "hello\n", "holds no ssh public key", "begin with ssh-ed25519"],
  ])("is refused with what to do: %s", async (_, content, message, hint) => {
    await expect(readOpen(content)).rejects.toMatchObject({
      code: "recipe-invalid",
      message: expect.stringContaining(message),
      hint: expect.stringContaining(hint),
    });
  });

  it("is refused when it isn't open any more", async () => {
    await expect(readSshKeys("ssh-key", ["/dev/fd/987"])).rejects.toMatchObject({
      code: "file-unreadable",
      hint: expect.stringContaining("sudo"),
    });
  });
});
