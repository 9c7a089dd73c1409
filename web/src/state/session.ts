import { computed, signal } from "@preact/signals";
import type { Session } from "../api/types.ts";

/** Who is logged in; null: nobody, undefined: not known yet. */
export const session = signal<Session | null | undefined>(undefined);

/** True when the user may build. */
export const mayBuild = computed(() => session.value !== null && session.value?.user.role !== "viewer");

/** True for those who see and do all. */
export const isAdmin = computed(() => session.value?.user.role === "admin");
