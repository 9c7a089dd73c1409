import { signal } from "@preact/signals";

export type Theme = "system" | "light" | "dark";

const KEY = "vmbuilder-theme";

/** The theme that was chosen. */
export const theme = signal<Theme>((document.documentElement.dataset.theme as Theme | undefined) ?? "system");

/** Chooses a theme; this browser keeps it. */
export function chooseTheme(chosen: Theme): void {
  theme.value = chosen;
  if (chosen === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = chosen;
  try {
    if (chosen === "system") localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, chosen);
  } catch {
    // A browser that keeps nothing.
  }
}
