import { VmbuilderError } from "../../model/errors.ts";

/** Files of a recipe in base64, with room for the rest. */
const LARGEST_BODY_BYTES = 12 * 1024 * 1024;

/**
 * Reads a body of JSON, as far as it may be long. Another type is refused: a form of another site can send only those.
 *
 * @throws usage, too-large
 */
export async function readBody(request: Request): Promise<unknown> {
  const type = request.headers.get("content-type") ?? "";
  if (!/^application\/json\s*(;|$)/i.test(type))
    throw new VmbuilderError("usage", "the body must be JSON", { hint: "send Content-Type: application/json" });
  const tooLarge = () => new VmbuilderError("too-large", `a request is ${LARGEST_BODY_BYTES / 1024 ** 2} MiB at most`);
  if (Number(request.headers.get("content-length") ?? 0) > LARGEST_BODY_BYTES) throw tooLarge();
  const pieces: Uint8Array[] = [];
  let length = 0;
  for await (const piece of request.body ?? []) {
    length += piece.length;
    if (length > LARGEST_BODY_BYTES) throw tooLarge();
    pieces.push(piece);
  }
  try {
    return JSON.parse(Buffer.concat(pieces).toString());
  } catch (cause) {
    throw new VmbuilderError("usage", "the body is no JSON", { cause });
  }
}
