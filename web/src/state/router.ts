import { computed, signal } from "@preact/signals";

/** Where the page is: `#/images/42?q=web` is the path `["images", "42"]`. */
export interface Route {
  readonly path: readonly string[];
  readonly query: URLSearchParams;
}

const hash = signal(location.hash);
addEventListener("hashchange", () => {
  hash.value = location.hash;
});

/** The present route. */
export const route = computed<Route>(() => {
  const [path = "", query = ""] = hash.value.replace(/^#\/?/, "").split("?");
  return { path: path.split("/").filter(Boolean).map(decodePart), query: new URLSearchParams(query) };
});

/** Goes to a route such as `/images/42`. */
export function go(to: string, options: { replace?: boolean } = {}): void {
  if (options.replace) {
    history.replaceState(null, "", `#${to}`);
    hash.value = `#${to}`;
  } else {
    location.hash = to;
  }
}

function decodePart(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
