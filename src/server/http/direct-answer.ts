import type { ServerResponse } from "node:http";

/**
 * An answer that writes its body to the connection itself. A web stream between the two costs more than all else of a small
 * answer, and an allocation for each piece of a large one.
 */
export class DirectAnswer extends Response {
  /** Writes the body and ends it; status and headers have been written. */
  readonly writeBody: (to: ServerResponse) => void;

  constructor(writeBody: (to: ServerResponse) => void, init: ResponseInit) {
    super(null, init);
    this.writeBody = writeBody;
  }
}

/** Answers with JSON that is written out already. */
export function answerJson(text: string, status: number, headers: Readonly<Record<string, string>>): DirectAnswer {
  const bytes = Buffer.from(text);
  const standing = { "content-type": "application/json", "content-length": String(bytes.byteLength) };
  return new DirectAnswer((to) => to.end(bytes), { status, headers: { ...standing, ...headers } });
}
