import { Command } from "commander";
import { describe, expect, it } from "vitest";
import { oldOptions } from "./old-option-table.ts";
import { addOldOptions, oldOptionNotes } from "./old-options.ts";
import { addBuildOptions, readBuildOptions } from "./options.ts";

function parse(...argv: string[]): Command {
  const command = new Command();
  addOldOptions(addBuildOptions(command), "shown").parse(argv, { from: "user" });
  return command;
}

describe("help", () => {
  // complaint 21 of docs/old-tool.md
  it("of the old form names every option that it takes", () => {
    const command = new Command();
    const text = addOldOptions(addBuildOptions(command), "shown").helpInformation();
    for (const { long } of command.options) expect(text).toMatch(new RegExp(`${long}\\b`));
  });
});

describe("an option under its old name", () => {
  it("does what the new one does, and the last one counts", () => {
    const values = readBuildOptions(parse("-d", "a", "--destdir", "b", "--flavour", "virtual", "--debug", "-m", "256"));
    expect(values).toEqual({ "dest": "b", "kernel-flavour": "virtual", "verbose": true, "mem": "256" });
  });

  it("adds to a list", () => {
    expect(readBuildOptions(parse("--exec", "a", "--execscript", "b", "--exec", "c"))).toEqual({
      exec: ["a", "b", "c"],
    });
  });
});

describe("an option without sense", () => {
  it.each(oldOptions.filter((row) => "note" in row))(
    "$flags is accepted and told of in one line, without its value",
    (row) => {
      const [name = "", value] = row.flags.replace("-i, ", "").split(" ");
      const command = parse(name, ...(value ? ["hidden"] : []));
      expect(readBuildOptions(command)).toEqual({});
      expect(oldOptionNotes(command)).toEqual([`${name}: ${row.note}`]);
    },
  );

  it("shares its line with those of the same kind", () => {
    const notes = oldOptionNotes(parse("--ec2", "--ec2-key", "x", "--templates", "y"));
    expect(notes).toHaveLength(2);
    expect(notes[1]).toMatch(/^--ec2, --ec2-key: /);
  });

  it("is not told of when it isn't given", () => {
    expect(oldOptionNotes(parse("--hostname", "x"))).toEqual([]);
  });
});
