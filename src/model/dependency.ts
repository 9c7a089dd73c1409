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
  const providers = providersByName(set);
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

/** The packages of `set` that a dependency field names, all alternatives. */
export function providersOf<T extends DependencyNode>(field: string, set: readonly T[]): T[] {
  const providers = providersByName(set);
  return parseDependencies(field)
    .flat()
    .flatMap((name) => providers.get(name) ?? []);
}

/** What {@link installationLevels} needs to know beside. */
export interface LevelledNode extends DependencyNode {
  /** Pre-Depends alone. */
  readonly preDepends: string;
  /** A shared library: it works as soon as it is unpacked. */
  readonly isLibrary: boolean;
}

const DEEPEST_LEVEL = 16;

/**
 * Sorts packages into groups that can be unpacked each as a whole: what a package pre-depends on is configured in an
 * earlier group, what it depends on in the same or an earlier one. Nearly always there is a single group.
 *
 * @param first packages that are configured before all groups
 * @see https://www.debian.org/doc/debian-policy/ch-relationships.html (Pre-Depends)
 */
export function installationLevels<T extends LevelledNode>(set: readonly T[], first: ReadonlySet<T>): T[][] {
  const providers = providersByName(set);
  const level = new Map(set.map((node) => [node, first.has(node) ? 0 : 1]));
  const levelOf = (field: string, counts: (node: T) => boolean = () => true) =>
    Math.max(
      0,
      ...parseDependencies(field)
        .flat()
        .flatMap((name) => (providers.get(name) ?? []).filter(counts).map((node) => level.get(node) ?? 0)),
    );
  for (let changed = true; changed; ) {
    changed = false;
    for (const node of set) {
      if (first.has(node)) continue;
      const before = levelOf(node.preDepends, ({ isLibrary }) => !isLibrary);
      const needed = Math.min(DEEPEST_LEVEL, Math.max(1, levelOf(node.depends), before === 0 ? 0 : before + 1));
      if (needed <= (level.get(node) ?? 0)) continue;
      level.set(node, needed);
      changed = true;
    }
  }
  const groups = Object.groupBy(
    set.filter((node) => !first.has(node)),
    (node) => level.get(node) ?? 1,
  );
  return Object.values(groups).filter((group) => group !== undefined);
}

function providersByName<T extends DependencyNode>(set: readonly T[]): Map<string, T[]> {
  const providers = new Map<string, T[]>();
  for (const node of set) {
    for (const name of [node.name, ...parseDependencies(node.provides).flat()]) {
      const known = providers.get(name);
      if (known) known.push(node);
      else providers.set(name, [node]);
    }
  }
  return providers;
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
