import { type CompletionCommand, type CompletionOption, recipeNames, type Value } from "./model.ts";

/** Writes completion for zsh: one function for each command, as `_arguments` wants it. */
export function renderZsh(commands: readonly CompletionCommand[]): string {
  return `#compdef vmbuilder
# zsh completion for vmbuilder; store it as _vmbuilder in a folder of $fpath

${commands.map(commandFunction).join("\n")}
_vmbuilder_recipe_names() {
  compadd - ${recipeNames(commands).join(" ")}
  _files
}

_vmbuilder_machine_names() {
  compadd - \${(f)"$(vmbuilder ls --names 2> /dev/null)"}
}

if [[ $funcstack[1] == _vmbuilder ]]; then
  _vmbuilder "$@"
else
  compdef _vmbuilder vmbuilder
fi
`;
}

function commandFunction(command: CompletionCommand): string {
  const specs = command.options.flatMap(optionSpecs);
  if (command.children.length > 0) return groupFunction(command, specs);
  const positions = command.arguments.map(({ name, value, repeatable }, index) =>
    quote(`${repeatable ? "*" : index + 1}:${escapeSpec(name)}:${action(value)}`),
  );
  return `${functionName(command.path)}() {
  _arguments -s \\
    ${[...specs, ...positions].join(" \\\n    ")}
}
`;
}

function groupFunction({ path, children }: CompletionCommand, specs: readonly string[]): string {
  return `${functionName(path)}() {
  local curcontext=$curcontext state line
  local -a commands=(
    ${children.map(({ name, help }) => quote(`${name}:${help}`)).join("\n    ")}
  )
  _arguments -C \\
    ${[...specs, "'1:command:->command'", "'*::argument:->argument'"].join(" \\\n    ")}
  case $state in
    command) _describe command commands ;;
    argument)
      case $line[1] in
        ${children.map(({ name }) => `${name}) ${functionName([...path, name])} ;;`).join("\n        ")}
      esac ;;
  esac
}
`;
}

function optionSpecs(option: CompletionOption): string[] {
  const { long, short, value, argument, help, repeatable } = option;
  const names = short ? [short, long] : [long];
  const tail = value.kind === "none" ? "" : `:${escapeSpec(argument)}:${action(value)}`;
  return names.map((name) => {
    const prefix = repeatable ? "*" : names.length > 1 ? `(${names.join(" ")})` : "";
    return quote(`${prefix}${name}[${escapeSpec(help)}]${tail}`);
  });
}

function action(value: Value): string {
  switch (value.kind) {
    case "choices":
      return `(${value.choices.join(" ")})`;
    case "file":
      return "_files";
    case "directory":
      return "_files -/";
    case "recipe":
      return "_vmbuilder_recipe_names";
    case "machine":
      return "_vmbuilder_machine_names";
    default:
      return " ";
  }
}

function functionName(path: readonly string[]): string {
  return ["_vmbuilder", ...path].join("_");
}

function escapeSpec(text: string): string {
  return text.replaceAll(/[\\[\]:]/g, "\\$&");
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
