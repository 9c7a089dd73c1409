/** Text for HTML's content and quoted attributes. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** A heading's anchor, formed as the usual viewers of Markdown form it, so that links hold there, too. */
export function slug(text: string): string {
  return text
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, "")
    .trim()
    .replace(/\s/g, "-");
}

/** The words of a piece of HTML. */
export function plainText(html: string): string {
  return html
    .replace(/<[^>]*>/g, " ")
    .replace(/&#(\d+);/g, (_, code: string) => String.fromCharCode(Number(code)))
    .replace(
      /&(amp|lt|gt|quot);/g,
      (_, name: "amp" | "lt" | "gt" | "quot") => ({ amp: "&", lt: "<", gt: ">", quot: '"' })[name],
    )
    .replace(/\s+/g, " ")
    .trim();
}

/** Description texts name options and files bare; this sets what looks like an option as code. */
export function describe(text: string): string {
  return escapeHtml(text).replace(/(^|[\s(])(--[a-z][a-z0-9-]*)/g, "$1<code>$2</code>");
}
