import { stringify } from "yaml";

/** What the wizard has asked; an empty text stands for what wasn't answered. */
export interface WizardAnswers {
  readonly suite: string;
  readonly hostname: string;
  readonly user: string;
  readonly key: string;
  readonly rootsize: string;
  readonly mem: string;
  readonly packages: readonly string[];
}

/** Writes the recipe that answers lead to: only what was answered, in the order in which people read it. */
export function recipeText({ suite, hostname, user, key, rootsize, mem, packages }: WizardAnswers): string {
  const values = {
    suite,
    hostname,
    user,
    [user === "" ? "ssh-key" : "ssh-user-key"]: key,
    rootsize,
    mem: mem === "" ? "" : Number(mem),
    addpkg: [...packages],
  };
  const given = Object.entries(values).filter(([, value]) => (Array.isArray(value) ? value.length > 0 : value !== ""));
  return stringify(Object.fromEntries(given));
}
