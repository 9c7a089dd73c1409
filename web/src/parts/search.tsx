import type { Signal } from "@preact/signals";
import { Icon } from "./icon.tsx";

/** Field that narrows a list while one types. */
export function SearchField({
  label,
  placeholder,
  search,
}: {
  label: string;
  placeholder: string;
  search: Signal<string>;
}) {
  return (
    <div class="search">
      <Icon name="search" />
      <input
        type="search"
        aria-label={label}
        placeholder={placeholder}
        value={search.value}
        onInput={(event) => {
          search.value = event.currentTarget.value;
        }}
      />
    </div>
  );
}

/** Whether a text in lower case has every word that is searched for. */
export function hasWords(text: string, search: string): boolean {
  return search
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}
