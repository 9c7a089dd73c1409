import { sha256Text } from "../system/files.ts";

/** A UUID that follows from another id and a name. */
export function derivedUuid(from: string, name: string): string {
  const hex = sha256Text(`${from} ${name}`);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
