import { Argument, type Command } from "commander";
import { HYPERVISORS } from "../../hypervisors/index.ts";
import { VmbuilderError } from "../../model/errors.ts";
import { OLD_FORM, UBUNTU_PROGRAM } from "../old-form.ts";
import { addOldOptions, oldOptionNotes, readOldOptions } from "../old-options.ts";
import { addBuildOptions, readBuildOptions } from "../options.ts";
import { writeNotes } from "../terminal/notes.ts";
import { BUILD_CHOICES, build } from "./build.ts";

const names = HYPERVISORS.map(({ name }) => name);

/** Adds `vmbuilder HYPERVISOR DISTRO` and what `ubuntu-vm-builder HYPERVISOR SUITE` does: the old tool's two forms. */
export function addOldForms(program: Command): void {
  const command = program.command(OLD_FORM).aliases(names);
  withOptions(command)
    .argument("<DISTRO>", "distribution, such as debian")
    .summary("Builds as the old vmbuilder did.")
    .description(`Builds a virtual machine by the old tool's command line. HYPERVISOR is ${names.join(" or ")}.`)
    .action((distro: string) => {
      const [hypervisor = ""] = program.args;
      if (hypervisor === OLD_FORM)
        throw new VmbuilderError("usage", `${OLD_FORM} stands for a hypervisor's name`, {
          hint: `write one of: ${names.join(", ")}`,
        });
      return buildOldForm(command, { hypervisor, distro });
    });
  const ubuntu = program.command(UBUNTU_PROGRAM, { hidden: true });
  withOptions(ubuntu)
    .addArgument(new Argument("<HYPERVISOR>", names.join(" or ")).choices(names))
    .argument("<SUITE>", "Ubuntu's release, such as noble")
    .description("Builds a virtual machine of Ubuntu by the old tool's command line.")
    .action((hypervisor: string, suite: string) => buildOldForm(ubuntu, { hypervisor, distro: "ubuntu", suite }));
}

function withOptions(command: Command): Command {
  return addOldOptions(addBuildOptions(command, BUILD_CHOICES), "shown");
}

/** An option that says the same as a name is fine; one that contradicts it is a mistake. */
function buildOldForm(command: Command, fixed: { hypervisor: string; distro: string; suite?: string }): Promise<void> {
  const values = readBuildOptions(command);
  for (const [key, value] of Object.entries(fixed)) {
    const given = values[key as keyof typeof fixed];
    if (given !== undefined && String(given) !== value)
      throw new VmbuilderError("usage", `--${key} ${given} contradicts ${value}`, { hint: `leave out --${key}` });
  }
  writeNotes(oldOptionNotes(command));
  return build(undefined, { ...values, ...fixed, hypervisor: [fixed.hypervisor] }, readOldOptions(command), "old");
}
