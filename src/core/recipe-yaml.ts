import { isAlias, isMap, isScalar, Lexer, LineCounter, type Node, parseAllDocuments, visit } from "yaml";
import { VmbuilderError } from "../model/errors.ts";

/** A recipe file's values, and where in the file each of them stands. */
export interface WrittenRecipe {
  readonly values: Record<string, unknown>;
  /** `web.yaml:3:11`, the place of a value or of its key. */
  locate(path: readonly PropertyKey[], part?: "key" | "value"): string;
}

/** More than any recipe needs, and few enough for a parser that calls itself. */
const DEEPEST = 32;
/** What the parser reads in half a second; a recipe that adds a thousand packages has a tenth of it. */
const MOST_TOKENS = 50_000;

/** Tokens that stand for no text: starts of documents and values, the end. @see https://eemeli.org/yaml/#lexer */
const CONTROL_TOKEN = /^[\u0002\u0018\u001f\ufeff]$/;

/**
 * Reads a recipe's YAML: one document, a mapping, each key once; no aliases, no tags, no deep nesting. It takes time in
 * proportion to the text, whatever the text is.
 *
 * @param file its name, for messages
 * @param mostTokens words, indicators, spaces and line ends
 * @throws recipe-invalid with file, line and column
 */
export function parseRecipe(text: string, file: string, mostTokens = MOST_TOKENS): WrittenRecipe {
  const lineStarts = new LineCounter();
  const at = (offset: number) => {
    const { line, col } = lineStarts.linePos(offset);
    return `${file}:${line}:${col}`;
  };
  const refuse = (offset: number, why: string, hint?: string): never => {
    throw new VmbuilderError("recipe-invalid", `${at(offset)}: ${why}`, hint ? { hint } : {});
  };
  for (let start = 0; start >= 0; start = text.indexOf("\n", start) + 1 || -1) lineStarts.addNewLine(start);
  const excess = findExcess(text, mostTokens);
  if (excess) refuse(excess.offset, excess.why);
  // Its own check for repeated keys compares each with each: minutes for a large file.
  const documents = [...parseAllDocuments(text, { uniqueKeys: false, logLevel: "silent", prettyErrors: false })];
  const [document, second] = documents;
  if (!document) return refuse(0, "the recipe is empty");
  const problem = document.errors[0] ?? document.warnings[0];
  if (problem) refuse(problem.pos[0], problem.message.split("\n")[0] ?? "");
  if (second) refuse(second.range[0], "a recipe is a single YAML document");
  const root = document.contents;
  if (root === null) return refuse(0, "the recipe is empty");
  if (!isMap(root)) return refuse(root.range?.[0] ?? 0, "a recipe consists of lines KEY: VALUE");
  visit(document, {
    Node(_, node) {
      if (isAlias(node) || node.anchor)
        refuse(node.range?.[0] ?? 0, "anchors and aliases have no place in a recipe", "write the value out");
    },
    Map(_, map) {
      const seen = new Set<unknown>();
      for (const { key } of map.items) {
        const name = isScalar(key) ? String(key.value) : refuse(offsetOf(key), "a key must be a plain word");
        if (seen.has(name)) refuse(offsetOf(key), `the key "${name}" stands here a second time`);
        seen.add(name);
      }
    },
  });
  const locate: WrittenRecipe["locate"] = (path, part = "value") => {
    const above: unknown = path.length > 1 ? document.getIn(path.slice(0, -1), true) : root;
    const holder = part === "key" && isMap(above) ? above : root;
    const wanted = String(holder === root ? path[0] : path.at(-1));
    const pair = holder.items.find(({ key }) => isScalar(key) && String(key.value) === wanted);
    const value = part === "value" ? document.getIn(path, true) : undefined;
    return at(offsetOf(value ?? pair?.key));
  };
  return { values: document.toJS({ maxAliasCount: 0 }) as Record<string, unknown>, locate };
}

function offsetOf(node: unknown): number {
  return (node as Node | undefined)?.range?.[0] ?? 0;
}

/** Finds where a text gets too much for the parser: by nesting (brackets, indicators in a line, indentation) or length. */
export function findExcess(text: string, mostTokens = MOST_TOKENS): { offset: number; why: string } | undefined {
  let [offset, tokens, brackets, indicators, atLineStart] = [0, 0, 0, 0, true];
  for (const token of new Lexer().lex(text)) {
    if (++tokens > mostTokens) return { offset, why: "this is longer than a recipe may be" };
    if (token === "[" || token === "{") brackets++;
    else if (token === "]" || token === "}") brackets--;
    else if (token === "-" || token === "?") indicators++;
    const indentation = atLineStart && /^ +$/.test(token) ? token.length : 0;
    if (brackets > DEEPEST || indicators > DEEPEST || indentation > 8 * DEEPEST)
      return { offset, why: `this is nested more than ${DEEPEST} levels deep` };
    if (CONTROL_TOKEN.test(token)) continue;
    offset += token.length;
    atLineStart = token.endsWith("\n");
    if (atLineStart) indicators = 0;
  }
  return undefined;
}
