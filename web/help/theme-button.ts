/** The same pictures as on the page of the server. */
const PICTURES = {
  system: "M3.5 5h17v11h-17zM9 20h6M12 16v4",
  light:
    "M12 16.5a4.5 4.5 0 1 0 0-9 4.5 4.5 0 0 0 0 9zM12 2.5v2M12 19.5v2M2.5 12h2M19.5 12h2M5.3 5.3l1.4 1.4M17.3 17.3l1.4 1.4M5.3 18.7l1.4-1.4M17.3 6.7l1.4-1.4",
  dark: "M20 14.5A8.5 8.5 0 0 1 9.5 4a8.5 8.5 0 1 0 10.5 10.5z",
} as const;
const KEY = "vmbuilder-theme";
const NEXT = { system: "light", light: "dark", dark: "system" } as const;
type Theme = keyof typeof NEXT;

/** A button that goes from the system's theme to light, dark, and back. The page of the server keeps its theme under the same name. */
export function addThemeButton(): void {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "theme";
  const show = () => {
    const text = `Theme: ${chosen()}`;
    button.setAttribute("aria-label", `${text}. Change it`);
    button.title = text;
    button.innerHTML = `<svg class="icon" viewBox="0 0 24 24" aria-hidden="true"><path d="${PICTURES[chosen()]}"/></svg>`;
  };
  button.addEventListener("click", () => {
    choose(NEXT[chosen()]);
    show();
  });
  show();
  document.querySelector("body > header")?.append(button);
}

function chosen(): Theme {
  const theme = document.documentElement.dataset.theme;
  return theme === "light" || theme === "dark" ? theme : "system";
}

function choose(theme: Theme): void {
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  try {
    if (theme === "system") localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, theme);
  } catch {
    // A browser that keeps nothing: the theme holds for this page.
  }
}
