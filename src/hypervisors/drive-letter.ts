/** The letter by which Linux names a machine's disk: a for the first. */
export function driveLetter(index: number): string {
  return String.fromCharCode("a".charCodeAt(0) + index);
}
