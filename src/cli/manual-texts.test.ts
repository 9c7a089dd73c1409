import { Command, type Option } from "commander";
import { expect, it } from "vitest";
import { manualText } from "./manual-texts.ts";
import { addBuildOptions } from "./options.ts";

const options = addBuildOptions(new Command("build")).options;
const option = (name: string) => options.find((one) => one.name() === name) as Option;

it("explains an option without its neighbours in the help", () => {
  expect(option("swapsize").description).toContain("--optsize");
  expect(manualText(option("swapsize"))).toBe("swap; 0 for none (default 1G)");
  expect(manualText(option("timezone"))).toBe(option("timezone").description);
});

it("leaves other commands' options of the same name alone", () => {
  const clone = new Command("clone").option("--dest <DIR>", "folder of the clone");
  expect(manualText(clone.options[0] as Option)).toBe("folder of the clone");
});

it("names no neighbour: each option that shares a line in the help is told of by itself", () => {
  const shared = options.filter((one) => /--[a-z]/.test(one.description));
  expect(shared.length).toBeGreaterThan(5);
  const stillShared = shared.filter((one) => /; (or )?--|: --|also --/.test(manualText(one)));
  expect(stillShared.map((one) => one.name())).toEqual([]);
});
