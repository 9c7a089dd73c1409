import type { CompletionCommand, CompletionOption, Value } from "./model.ts";

/** Writes completion for fish. */
export function renderFish(commands: readonly CompletionCommand[]): string {
  const lines = commands.flatMap((command) => [
    ...command.children.map(({ name, help }) => complete(command, `-a ${name} -d ${quote(help)}`)),
    ...command.options.map((option) => complete(command, optionFlags(option))),
    ...command.arguments.flatMap(({ value }) => (value.kind === "text" ? [] : [complete(command, valueFlags(value))])),
  ]);
  return `# fish completion for vmbuilder; store it as ~/.config/fish/completions/vmbuilder.fish
complete -c vmbuilder -f
${lines.join("\n")}
`;
}

function complete({ path, children }: CompletionCommand, flags: string): string {
  return `complete -c vmbuilder -n ${quote(condition(path, children))} ${flags}`;
}

/** True while the words typed so far name this command and none below it. */
function condition(path: readonly string[], children: CompletionCommand["children"]): string {
  if (path.length === 0) return "__fish_use_subcommand";
  const seen = path.map((name) => `__fish_seen_subcommand_from ${name}`);
  const names = children.map(({ name }) => name).join(" ");
  return [...seen, ...(names === "" ? [] : [`not __fish_seen_subcommand_from ${names}`])].join("; and ");
}

function optionFlags({ long, short, value, help }: CompletionOption): string {
  const names = `${short ? `-s ${short.slice(1)} ` : ""}-l ${long.slice(2)}`;
  return `${names} ${valueFlags(value)} -d ${quote(help)}`.replace("  ", " ");
}

function valueFlags(value: Value): string {
  switch (value.kind) {
    case "choices":
      return `-x -a ${quote(value.choices.join(" "))}`;
    case "file":
      return "-r -F";
    case "directory":
      return "-x -a '(__fish_complete_directories)'";
    case "recipe":
      return `-F -a ${quote(value.names.join(" "))}`;
    case "machine":
      return "-x -a '(vmbuilder ls --names 2> /dev/null)'";
    case "text":
      return "-x";
    case "none":
      return "";
  }
}

function quote(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}
