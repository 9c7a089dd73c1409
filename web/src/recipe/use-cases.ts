import type { IconName } from "../parts/icon.tsx";

/** What a machine is for: packages that come in with one press. */
export interface UseCase {
  readonly title: string;
  readonly note: string;
  readonly icon: IconName;
  readonly packages: readonly string[];
}

/** Packages that Debian and Ubuntu both have. */
export const USE_CASES: readonly UseCase[] = [
  { title: "Plain server", note: "Just the system", icon: "box", packages: [] },
  { title: "Web server", note: "nginx", icon: "globe", packages: ["nginx"] },
  { title: "Database", note: "PostgreSQL", icon: "database", packages: ["postgresql"] },
  {
    title: "Development",
    note: "git, compiler, Python",
    icon: "code",
    packages: ["build-essential", "git", "python3-venv"],
  },
  { title: "File server", note: "Samba", icon: "drive", packages: ["samba"] },
  { title: "Containers", note: "Podman", icon: "stack", packages: ["podman"] },
];

const ALL = new Set(USE_CASES.flatMap(({ packages }) => packages));

/** True when the packages of this use case are chosen, and of no other. */
export function isUseCase(useCase: UseCase, chosen: readonly string[]): boolean {
  const ofUseCases = chosen.filter((name) => ALL.has(name));
  return ofUseCases.length === useCase.packages.length && useCase.packages.every((name) => ofUseCases.includes(name));
}

/** The packages after a change of the use case; what was added by hand stays. */
export function withUseCase(useCase: UseCase, chosen: readonly string[]): readonly string[] {
  return [...useCase.packages, ...chosen.filter((name) => !ALL.has(name))];
}
