import { computed, effect, signal } from "@preact/signals";
import { type Document, isMap, LineCounter, parseDocument } from "yaml";
import type { RecipeFile } from "../api/types.ts";
import { asWords } from "./values.ts";

/**
 * The recipe that is being written. Its YAML is the one truth: the form reads it and writes single keys into it, so that
 * comments and order stay. Passwords are kept apart and never become text.
 */
export const text = signal("");
/** Files that the recipe names. */
export const files = signal<Record<string, RecipeFile>>({});
/** Values of `pass` and `rootpass`. */
export const secrets = signal<Record<string, string>>({});

export const SECRET_KEYS: readonly string[] = ["pass", "rootpass"];

/** A mistake of the YAML itself, with its line. */
export interface YamlMistake {
  readonly message: string;
  readonly line: number;
}

const parsed = computed(() => {
  const lines = new LineCounter();
  const document = parseDocument(text.value, { lineCounter: lines });
  const [error] = document.errors;
  if (error)
    return { document, lines, mistake: { message: firstLine(error.message), line: error.linePos?.[0].line ?? 1 } };
  if (document.contents !== null && !isMap(document.contents))
    return { document, lines, mistake: { message: "A recipe is a list of lines like `hostname: web`", line: 1 } };
  return { document, lines, mistake: undefined };
});

/** What keeps the text from being YAML. */
export const yamlMistake = computed<YamlMistake | undefined>(() => parsed.value.mistake);

let lastGood: Record<string, unknown> = {};
/** The recipe's values as written; while the text is broken, those before. */
export const values = computed<Record<string, unknown>>(() => {
  if (!parsed.value.mistake) lastGood = (parsed.value.document.toJS() as Record<string, unknown> | null) ?? {};
  return lastGood;
});

/** What is sent to the server: the values with the passwords, and the files that they name. */
export const request = computed(() => {
  const given = Object.entries(secrets.value).filter(([, secret]) => secret !== "");
  return { recipe: { ...values.value, ...Object.fromEntries(given) }, files: namedFiles() };
});

/** The files that the recipe names, and those that its lists of files to copy name. */
function namedFiles(): Record<string, RecipeFile> {
  const all = Object.entries(files.value);
  const inRecipe = JSON.stringify(values.value);
  const lists = asWords(values.value.copy).map((name) => files.value[name]);
  const copied = new Set(lists.flatMap((list) => (typeof list === "string" ? list.split(/\s+/) : [])));
  return Object.fromEntries(all.filter(([name]) => inRecipe.includes(JSON.stringify(name)) || copied.has(name)));
}

/** Writes one key of the recipe; nothing, an empty text and an empty list remove it. */
export function setValue(key: string, value: unknown): void {
  if (parsed.peek().mistake) return;
  const document: Document = parseDocument(text.peek());
  const isEmpty = value === undefined || value === "" || (Array.isArray(value) && value.length === 0);
  if (isEmpty) document.delete(key);
  else if (document.contents === null) document.contents = document.createNode({ [key]: value });
  else document.set(key, document.createNode(value, { flow: false }));
  const isBare = isMap(document.contents) && document.contents.items.length === 0 && !document.commentBefore;
  text.value = isBare ? "" : document.toString({ lineWidth: 0 });
}

/** The line of a value in the text, counted from 1. */
export function lineOf(path: readonly (string | number)[]): number | undefined {
  const { document, lines } = parsed.value;
  for (let length = path.length; length > 0; length--) {
    const node = document.getIn(path.slice(0, length), true) as { range?: [number, number, number] } | undefined;
    if (node?.range) return lines.linePos(node.range[0]).line;
  }
  return undefined;
}

/** Puts another recipe in place of this one. */
export function replaceDraft(yaml: string, withFiles: Record<string, RecipeFile> = {}): void {
  text.value = yaml;
  files.value = withFiles;
  secrets.value = {};
}

/** Keeps a file under a name that none has, and returns that name. */
export function addFile(name: string, content: RecipeFile): string {
  const plain = name.replace(/[^A-Za-z0-9._-]+/g, "-").replace(/^[.-]+/, "") || "file";
  const [, stem = plain, suffix = ""] = /^(.+?)(\.[^.]*)?$/.exec(plain) ?? [];
  let free = plain;
  for (let number = 2; Object.hasOwn(files.peek(), free); number++) free = `${stem}-${number}${suffix}`;
  files.value = { ...files.peek(), [free]: content };
  return free;
}

const KEPT = "vmbuilder-draft";

/** A reload keeps the draft, without its passwords. */
export function keepDraft(): void {
  try {
    const kept = JSON.parse(sessionStorage.getItem(KEPT) ?? "null") as {
      text: string;
      files: typeof files.value;
    } | null;
    if (kept && text.peek() === "") replaceDraft(kept.text, kept.files);
  } catch {
    // A browser that keeps nothing.
  }
  effect(() => {
    try {
      sessionStorage.setItem(KEPT, JSON.stringify({ text: text.value, files: files.value }));
    } catch {
      // As above, or the files are too large to be kept.
    }
  });
}

function firstLine(message: string): string {
  return message.split("\n")[0]?.replace(/ at line \d+, column \d+:?$/, "") ?? message;
}
