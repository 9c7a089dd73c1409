/** What the server's API answers with; docs/api.md describes it, `api/openapi.json` in full. */

export type Role = "admin" | "builder" | "viewer";

export interface Amounts {
  readonly diskBytes: number;
  readonly activeBuilds: number;
  readonly images: number;
  readonly machines: number;
}

export interface User {
  readonly name: string;
  readonly role: Role;
  readonly isDisabled: boolean;
  readonly hasPassword: boolean;
  /** Whether the login service brings them in, or will the first who comes under their name. */
  readonly oidc: "linked" | "awaited" | null;
  readonly createdAt: string;
  readonly lastSeenAt: string | null;
  readonly quota: Amounts;
  readonly usage: Amounts;
}

export interface Session {
  readonly user: User;
  readonly csrfToken: string;
  readonly expiresAt: string;
}

/** How one can log in. */
export interface LoginMethods {
  readonly password: true;
  readonly oidc: { readonly title: string } | null;
}

export interface Token {
  readonly id: string;
  readonly name: string;
  readonly createdAt: string;
  readonly expiresAt: string | null;
  readonly lastUsedAt: string | null;
}

export interface List<Item> {
  readonly items: readonly Item[];
  readonly next: string | null;
}

/** What is wrong, and where; `path` leads to a field of the recipe. */
export interface Problem {
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
  readonly path?: readonly (string | number)[];
  readonly line?: number;
  readonly column?: number;
}

export interface Check {
  readonly isValid: boolean;
  readonly values: Record<string, unknown> | null;
  readonly yaml: string | null;
  readonly problems: readonly Problem[];
}

export interface Named {
  readonly name: string;
  readonly title: string;
}

export interface Choices {
  readonly distros: readonly (Named & { readonly suites: readonly { name: string; isDefault: boolean }[] })[];
  readonly hypervisors: readonly (Named & { readonly formats: readonly string[] })[];
  readonly formats: readonly Named[];
  readonly refused: readonly string[];
}

export interface Partition {
  readonly number: number;
  readonly role: string;
  readonly sizeBytes: number;
  readonly fs: string | null;
  readonly mounts: readonly string[];
}

export interface PlanAnswer {
  readonly suite: string;
  readonly architecture: string;
  readonly hostname: string;
  readonly logins: readonly string[];
  readonly disks: readonly { readonly sizeBytes: number; readonly partitions: readonly Partition[] }[];
  readonly packages: number;
  readonly packageBytes: number;
  readonly installedBytes: number;
  readonly downloadBytes: number;
  readonly steps: readonly { step: string; title: string; isCached: boolean; added?: number }[];
  readonly isCached: boolean;
  readonly estimate: { readonly seconds: number; readonly basis: "measured" | "guessed" };
}

export type BuildState = "queued" | "running" | "cancelling" | "succeeded" | "failed" | "cancelled";

export interface BuildStep {
  readonly step: string;
  readonly title: string;
  readonly state: "running" | "done" | "cached" | "failed";
  readonly seconds: number | null;
}

export interface Progress {
  readonly fraction: number;
  readonly step: string;
  readonly title: string;
  readonly done: number | null;
  readonly total: number | null;
  readonly unit: "bytes" | "packages" | "items" | null;
  readonly perSecond: number | null;
  readonly secondsLeft: number | null;
}

export interface Build {
  readonly id: string;
  readonly owner: string;
  readonly name: string;
  readonly state: BuildState;
  readonly isShared: boolean;
  readonly distro: string;
  readonly suite: string | null;
  readonly hypervisors: readonly string[];
  readonly createdAt: string;
  readonly startedAt: string | null;
  readonly finishedAt: string | null;
  readonly seconds: number | null;
  readonly attempts: number;
  readonly position: number | null;
  readonly progress: Progress | null;
  readonly steps: readonly BuildStep[];
  readonly error: { code: string; message: string; hint: string | null; detail: string | null } | null;
  readonly imageId: string | null;
  readonly can: { cancel: boolean; retry: boolean; remove: boolean; edit: boolean };
}

export interface LogLine {
  readonly at: string;
  readonly step: string;
  readonly level: "debug" | "info" | "warning";
  readonly message: string;
}

export interface ImageFile {
  readonly name: string;
  readonly sizeBytes: number;
  readonly sha256: string;
  readonly format: string | null;
}

export interface Image {
  readonly id: string;
  readonly owner: string;
  readonly name: string;
  readonly buildId: string;
  readonly createdAt: string;
  readonly isShared: boolean;
  readonly distro: string;
  readonly suite: string;
  readonly architecture: string;
  readonly hypervisors: readonly string[];
  readonly sizeBytes: number;
  readonly files: readonly ImageFile[];
  readonly removedAt: string | null;
  readonly purgeAt: string | null;
  readonly can: { edit: boolean; remove: boolean };
}

export interface ShareLink {
  readonly id: string;
  readonly url?: string;
  readonly createdAt: string;
  readonly expiresAt: string;
}

export interface Machine {
  readonly id: string;
  readonly owner: string;
  readonly name: string;
  readonly isShared: boolean;
  readonly createdAt: string;
  readonly image: { readonly id: string; readonly name: string };
  readonly distro: string;
  readonly suite: string;
  readonly architecture: string;
  readonly memoryMb: number;
  readonly cpus: number;
  readonly diskBytes: number;
  readonly state: "creating" | "stopped" | "running" | "failed";
  readonly busy: "create" | "start" | "stop" | "restart" | "snapshot" | "restore" | "remove" | null;
  readonly ended: string | null;
  readonly startedAt: string | null;
  readonly accelerator: "kvm" | "tcg" | null;
  readonly hasScreen: boolean;
  readonly error: { code: string; message: string; hint: string | null; detail: string | null } | null;
  readonly tests: {
    readonly count: number;
    readonly isRunning: boolean;
    readonly last: { readonly at: string; readonly passed: number; readonly failed: number } | null;
  };
  /** Ports of the server's loopback. */
  readonly ssh: { readonly hostPort: number } | null;
  readonly ports: readonly { readonly port: number; readonly hostPort: number | null }[];
  readonly can: { control: boolean };
}

export interface Snapshot {
  readonly name: string;
  readonly createdAt: string;
  readonly hasMemory: boolean;
}

export interface TestRun {
  readonly startedAt: string;
  readonly seconds: number;
  readonly outcomes: readonly {
    readonly name: string;
    readonly seconds: number;
    readonly failure: string | null;
    readonly said: string | null;
  }[];
  readonly console: string | null;
  readonly screenPng: string | null;
}

/** A file that a recipe names: text, or bytes. */
export type RecipeFile = string | { readonly base64: string };

export interface StoredRecipe {
  readonly yaml: string;
  readonly hasSecrets?: boolean;
  readonly files?: Record<string, RecipeFile>;
}

/** A recipe that comes with vmbuilder. */
export interface ShippedRecipe extends Named {
  readonly yaml: string;
  readonly files: Record<string, RecipeFile>;
}

export interface Profile {
  readonly id: string;
  readonly owner: string;
  readonly name: string;
  readonly isShared: boolean;
  readonly yaml: string;
  readonly createdAt: string;
  readonly changedAt: string;
  readonly can: { edit: boolean };
}

export interface Usage {
  readonly disk: {
    readonly totalBytes: number;
    readonly freeBytes: number;
    readonly imagesBytes: number;
    readonly removedBytes: number;
    readonly cacheBytes: number;
  };
  readonly own: { readonly usage: Amounts; readonly quota: Amounts };
  readonly capacity: { readonly cores: number; readonly memoryBytes: number; readonly parallelBuilds: number };
  readonly queue: { readonly queued: number; readonly running: number };
  readonly history: readonly { at: string; freeBytes: number; imagesBytes: number; cacheBytes: number }[];
}

export interface AuditEntry {
  readonly id: string | number;
  readonly at: string;
  readonly user: string | null;
  readonly action: string;
  readonly target: string | null;
  readonly address: string | null;
}
