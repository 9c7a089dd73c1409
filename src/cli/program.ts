import { Command } from "commander";
import { VmbuilderError } from "../model/errors.ts";
import { VERSION } from "../model/version.ts";
import { addBuild } from "./commands/build.ts";
import { addCache } from "./commands/cache.ts";
import { addClone } from "./commands/clone.ts";
import { addCompletion } from "./commands/completion.ts";
import { addConvert } from "./commands/convert.ts";
import { addDiff } from "./commands/diff.ts";
import { addDoctor } from "./commands/doctor.ts";
import { addImportConfig } from "./commands/import-config.ts";
import { addLock } from "./commands/lock.ts";
import { addConsole } from "./commands/machines/console.ts";
import { addCopy } from "./commands/machines/copy.ts";
import { addInside } from "./commands/machines/inside.ts";
import { addList } from "./commands/machines/list.ts";
import { addRemove } from "./commands/machines/remove.ts";
import { addShell } from "./commands/machines/shell.ts";
import { addSnapshot } from "./commands/machines/snapshot.ts";
import { addStartStop } from "./commands/machines/start-stop.ts";
import { addTest } from "./commands/machines/test.ts";
import { addTidy } from "./commands/machines/tidy.ts";
import { addUp } from "./commands/machines/up.ts";
import { addUpgradeTest } from "./commands/machines/upgrade-test.ts";
import { addMan } from "./commands/man.ts";
import { addOldForms } from "./commands/old-form.ts";
import { addPlan } from "./commands/plan.ts";
import { addProfile } from "./commands/profile.ts";
import { addRecipe } from "./commands/recipe.ts";
import { addSchema } from "./commands/schema.ts";
import { addServe } from "./commands/serve.ts";
import { addServer } from "./commands/server.ts";
import { addSign } from "./commands/sign.ts";
import { addUpload } from "./commands/upload.ts";
import { addWizard } from "./commands/wizard.ts";
import { configureHelp, descendants } from "./help.ts";

/** The whole command line: help, man page and completion are made from this. */
export function createProgram(): Command {
  const program = new Command("vmbuilder")
    .version(VERSION, "-V, --version", "show the version")
    .enablePositionalOptions()
    .option("--server <URL>", "build there: vmbuilder --server URL build")
    .option("--token-file <FILE>", "token for it (default $VMBUILDER_TOKEN)")
    .description("Builds bootable virtual machines, without root.");
  addBuild(program);
  addOldForms(program);
  addLock(program);
  addClone(program);
  addUp(program);
  addShell(program);
  addTest(program);
  addUpgradeTest(program);
  addStartStop(program);
  addList(program);
  addInside(program);
  addConsole(program);
  addCopy(program);
  addSnapshot(program);
  addRemove(program);
  addTidy(program);
  addDiff(program);
  addConvert(program);
  addSign(program);
  addUpload(program);
  addCache(program);
  addDoctor(program);
  addImportConfig(program);
  addWizard(program);
  addPlan(program);
  addRecipe(program);
  addProfile(program);
  addSchema(program);
  addServe(program);
  addServer(program);
  addMan(program);
  addCompletion(program);
  configureHelp(program);
  program.hook("preAction", (_, action) => {
    if (program.opts().server === undefined || action.name() === "build") return;
    throw new VmbuilderError("usage", `--server is for build: ${action.name()} works here alone`, {
      hint: "leave --server out",
    });
  });
  for (const command of [program, ...descendants(program)])
    command.exitOverride().configureOutput({ outputError: () => {} });
  return program;
}
