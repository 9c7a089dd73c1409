import MiniSearch, { type SearchResult } from "minisearch";

declare global {
  var vmbuilderSearchIndex: string | undefined;
}

/** The same words as in `scripts/docs/search-index.ts`, which makes the index. */
const OPTIONS = { fields: ["title", "page", "text"], storeFields: ["title", "page", "excerpt"] };
const SHOWN = 12;
const root = document.body.dataset.root ?? "";

/** Search over all pages. The index is loaded when the field is first used; by a script, so that it works from a folder, too. */
export function startSearch(): void {
  const form = document.querySelector<HTMLFormElement>("form.search");
  const field = form?.querySelector("input");
  if (!form || !field) return;
  const status = document.createElement("p");
  status.className = "visually-hidden";
  status.setAttribute("role", "status");
  const list = document.createElement("ul");
  list.className = "results";
  list.hidden = true;
  form.append(status, list);
  form.hidden = false;

  let index: Promise<MiniSearch> | undefined;
  const open = () => (index ??= loadIndex());
  const update = async () => {
    const words = field.value.trim();
    const found = words === "" ? [] : find(await open(), words);
    if (words !== field.value.trim()) return;
    list.replaceChildren(...found.map(resultItem));
    list.hidden = words === "";
    if (words !== "" && found.length === 0) list.append(nothingItem(words));
    status.textContent = words === "" ? "" : `${found.length} results`;
  };
  field.addEventListener("focus", () => void open());
  field.addEventListener("input", () => void update());
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    list.querySelector("a")?.click();
  });
  form.addEventListener("keydown", (event) => moveBy(event, field, list));
  form.addEventListener("focusout", ({ relatedTarget }) => {
    if (!(relatedTarget instanceof Node && form.contains(relatedTarget))) list.hidden = true;
  });
  field.addEventListener("focus", () => {
    list.hidden = field.value.trim() === "";
  });
  document.addEventListener("keydown", (event) => {
    const isTyping = event.target instanceof HTMLElement && /^(input|textarea|select)$/i.test(event.target.tagName);
    if (event.key !== "/" || isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    field.focus();
    field.select();
  });
}

function loadIndex(): Promise<MiniSearch> {
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = `${root}search-index.js`;
    script.onload = () => resolve(MiniSearch.loadJSON(globalThis.vmbuilderSearchIndex ?? "", OPTIONS));
    script.onerror = () => reject(new Error("the search index could not be loaded"));
    document.head.append(script);
  });
}

function find(index: MiniSearch, words: string): SearchResult[] {
  const options = { prefix: true, fuzzy: 0.15, boost: { title: 4, page: 2 } };
  const strict = index.search(words, { ...options, combineWith: "AND" });
  return (strict.length > 0 ? strict : index.search(words, options)).slice(0, SHOWN);
}

function resultItem({ id, title, page, excerpt }: SearchResult): HTMLElement {
  const item = document.createElement("li");
  const link = document.createElement("a");
  link.href = root + String(id);
  const heading = document.createElement("strong");
  heading.textContent = String(title);
  const place = document.createElement("small");
  place.textContent = String(page);
  const words = document.createElement("span");
  words.textContent = String(excerpt);
  link.append(heading, " ", place, words);
  item.append(link);
  return item;
}

function nothingItem(words: string): HTMLElement {
  const item = document.createElement("li");
  item.className = "nothing";
  item.textContent = `Nothing about “${words}”.`;
  return item;
}

/** Arrows walk from the field through the results, Escape leaves them. */
function moveBy(event: KeyboardEvent, field: HTMLInputElement, list: HTMLElement): void {
  if (event.key === "Escape") {
    list.hidden = true;
    field.focus();
    return;
  }
  if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
  const stops: HTMLElement[] = [field, ...list.querySelectorAll("a")];
  const at = stops.indexOf(document.activeElement as HTMLElement);
  event.preventDefault();
  stops[at + (event.key === "ArrowDown" ? 1 : -1)]?.focus();
}
