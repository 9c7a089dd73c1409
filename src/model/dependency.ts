/** What the closure needs to know of a package. */
export interface DependencyNode {
  readonly name: string;
  /** Pre-Depends and Depends, comma separated. */
  readonly depends: string;
  readonly provides: string;
}

/**
 * Names in a dependency field, alternatives kept: `a | b, c (>= 1)` is `[[a, b], [c]]`. Versions, architectures and
 * build profiles are dropped: the solver has already judged them.
 */
export function parseDependencies(field: string): string[][] {
  return field
    .split(",")
    .map((group) =>
      group
        .split("|")
        .map(packageName)
        .filter((name) => name !== ""),
    )
    .filter((group) => group.length > 0);
}

/**
 * All packages of `set` that `roots` need, themselves included: a set that can be configured on its own.
 * An alternative that isn't in the set is passed over, since the solver chose another.
 */
export function dependencyClosure<T extends DependencyNode>(roots: Iterable<T>, set: readonly T[]): Set<T> {
  const providers = new Map<string, T[]>();
  for (const node of set) {
    for (const name of [node.name, ...parseDependencies(node.provides).flat()]) {
      const known = providers.get(name);
      if (known) known.push(node);
      else providers.set(name, [node]);
    }
  }
  const closure = new Set<T>();
  const open = [...roots];
  for (let node = open.pop(); node; node = open.pop()) {
    if (closure.has(node)) continue;
    closure.add(node);
    for (const alternatives of parseDependencies(node.depends)) {
      for (const name of alternatives) open.push(...(providers.get(name) ?? []));
    }
  }
  return closure;
}

function packageName(text: string): string {
  return /^\s*([a-z0-9][a-z0-9+.-]*)/.exec(text)?.[1] ?? "";
}

/** All packages of `set` that need one of `targets`, themselves included: what cannot be configured before them. */
export function dependentsClosure<T extends DependencyNode>(targets: Iterable<T>, set: readonly T[]): Set<T> {
  const closure = new Set<T>(targets);
  const names = new Set([...closure].map(({ name }) => name));
  for (let grown = true; grown; ) {
    grown = false;
    for (const node of set) {
      if (
        closure.has(node) ||
        !parseDependencies(node.depends)
          .flat()
          .some((name) => names.has(name))
      )
        continue;
      closure.add(node);
      names.add(node.name);
      grown = true;
    }
  }
  return closure;
}
