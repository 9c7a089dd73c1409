import { type CompletionCommand, recipeNames, type Value } from "./model.ts";

/** Writes completion for bash; it needs nothing but bash itself. */
export function renderBash(commands: readonly CompletionCommand[]): string {
  return `# bash completion for vmbuilder; load it with: source <(vmbuilder completion bash)
_vmbuilder() {
  local words=() cur path= next i option= args=0
  COMPREPLY=()
  # Bash takes recipe:web for three words.
  for ((i = 0; i <= COMP_CWORD; i++)); do
    if ((i > 1)) && [[ \${COMP_WORDS[i]} == : || \${COMP_WORDS[i - 1]} == : ]]; then
      words[\${#words[@]}-1]+=\${COMP_WORDS[i]}
    else
      words+=("\${COMP_WORDS[i]}")
    fi
  done
  cur=\${words[\${#words[@]}-1]}
  [[ $cur == "=" ]] && cur=
  for ((i = 1; i < \${#words[@]} - 1; i++)); do
    [[ \${words[i]} == "=" ]] && continue
    if [[ $option ]]; then option=; continue; fi
    next=\${path:+$path }\${words[i]}
    case "$next" in
      ${commands
        .filter(({ path }) => path.length > 0)
        .map(({ path }) => `"${path.join(" ")}"`)
        .join(" | ")}) path=$next; continue ;;
    esac
    case "$path:\${words[i]}" in
      ${pattern(commands.flatMap(optionsWithValue))}) option=\${words[i]} ;;
      *:-*) ;;
      *) ((args++)) ;;
    esac
  done
  if [[ $option ]]; then
    case "$path:$option" in
${commands.flatMap(valueCases).join("\n")}
    esac
    return
  fi
  if [[ $cur == -* ]]; then
    case "$path" in
${commands.map(optionCase).join("\n")}
    esac
    return
  fi
  case "$path:$args" in
${commands.flatMap(argumentCases).join("\n")}
  esac
  [[ $cur == *:* && $COMP_WORDBREAKS == *:* ]] && COMPREPLY=("\${COMPREPLY[@]#"\${cur%"\${cur##*:}"}"}")
}
# What readline knows as files, it quotes: recipe\\:web would work, but look odd.
_vmbuilder_recipe_names() {
  ${words(recipeNames(commands))}
  ((\${#COMPREPLY[@]})) || compopt -o filenames 2> /dev/null
  mapfile -t -O \${#COMPREPLY[@]} COMPREPLY < <(compgen -f -- "$cur")
}
_vmbuilder_machine_names() {
  mapfile -t COMPREPLY < <(compgen -W "$(vmbuilder ls --names 2> /dev/null)" -- "$cur")
}
complete -F _vmbuilder vmbuilder
`;
}

function optionsWithValue({ path, options }: CompletionCommand): string[] {
  return options
    .filter(({ value }) => value.kind !== "none")
    .flatMap(({ long, short }) => [long, ...(short ? [short] : [])])
    .map((name) => `"${path.join(" ")}:${name}"`);
}

function valueCases({ path, options }: CompletionCommand): string[] {
  return options.flatMap(({ long, short, value }) => {
    const names = [long, ...(short ? [short] : [])].map((name) => `"${path.join(" ")}:${name}"`);
    return reply(value).map((line) => `      ${names.join(" | ")}) ${line} ;;`);
  });
}

function optionCase({ path, options }: CompletionCommand): string {
  const names = options.flatMap(({ long, short }) => [long, ...(short ? [short] : [])]);
  return `      "${path.join(" ")}") ${words(names)} ;;`;
}

function argumentCases(command: CompletionCommand): string[] {
  const path = command.path.join(" ");
  if (command.children.length > 0) return [`    "${path}:0") ${words(command.children.map(({ name }) => name))} ;;`];
  return command.arguments.flatMap(({ value, repeatable }, index) =>
    reply(value).map((line) => `    ${repeatable ? `"${path}:"*` : `"${path}:${index}"`}) ${line} ;;`),
  );
}

function reply(value: Value): string[] {
  switch (value.kind) {
    case "choices":
      return [words(value.choices)];
    case "file":
      return ['compopt -o filenames 2> /dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$cur")'];
    case "directory":
      return ['compopt -o filenames 2> /dev/null; mapfile -t COMPREPLY < <(compgen -d -- "$cur")'];
    case "recipe":
      return ["_vmbuilder_recipe_names"];
    case "machine":
      return ["_vmbuilder_machine_names"];
    default:
      return [];
  }
}

function words(list: readonly string[]): string {
  return `mapfile -t COMPREPLY < <(compgen -W '${list.join(" ")}' -- "$cur")`;
}

function pattern(names: readonly string[]): string {
  return names.length > 0 ? names.join(" | ") : '"-"';
}
