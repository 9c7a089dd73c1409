/**
 * Writes a value as one line of JSON. JSON leaves DEL and C1 bare, and a terminal that shows the line would obey
 * them, so they are escaped too; the value stays the same.
 */
export function writeJsonLine(stream: NodeJS.WritableStream, value: unknown): void {
  const json = JSON.stringify(value).replace(/[\x7f-\x9f]/g, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
  stream.write(`${json}\n`);
}
