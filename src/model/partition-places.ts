import { MIB } from "./size.ts";

/** A partition with its number and its place on the disk. */
export interface Place {
  readonly number: number;
  readonly offsetBytes: number;
  readonly sizeBytes: number;
}

/** Places in the order of the disk, where they end, and for msdos the container of the logical partitions. */
export interface Places<T> {
  readonly places: readonly (T & Place)[];
  readonly extended: Place | undefined;
  readonly endBytes: number;
}

/** Something that wants a place; a fixed number is one that no other gets. */
interface Wanted {
  readonly number?: number | undefined;
  readonly sizeBytes: number;
}

/** Primary partitions of an msdos table; the last of them contains the logical ones. */
const EXTENDED = 4;
const FIRST_LOGICAL = 5;

/** Numbers GPT partitions and lays them side by side, each at a whole MiB. */
export function placeGpt<T extends Wanted>(wanted: readonly T[]): Places<T> {
  const numbered = giveNumbers(
    wanted,
    [...Array(128).keys()].map((index) => index + 1),
  );
  const { places, endBytes } = lay(numbered, MIB, 0);
  return { places, extended: undefined, endBytes };
}

/**
 * Numbers msdos partitions and lays them side by side. The last one stays primary and last, so that it can grow. When there
 * are more than four, those that got no primary number are logical ones, each behind its own record in a MiB of its own.
 */
export function placeMsdos<T extends Wanted>(wanted: readonly T[]): Places<T> {
  const [last, before] = [wanted.at(-1), wanted.slice(0, -1)];
  if (!last) return { places: [], extended: undefined, endBytes: MIB };
  const needsExtended = wanted.length > EXTENDED;
  const fixed = new Set(wanted.map(({ number }) => number));
  const lastNumber = last.number ?? (needsExtended ? EXTENDED - 1 : wanted.length);
  const free = [1, 2, 3, EXTENDED].filter(
    (number) => !fixed.has(number) && number !== lastNumber && !(needsExtended && number === EXTENDED),
  );
  const logicalNumbers = [...Array(128).keys()].map((index) => index + FIRST_LOGICAL);
  const numbered = giveNumbers(before, [...free, ...logicalNumbers]);
  const isLogical = ({ number }: { number: number }) => number >= FIRST_LOGICAL;
  const primaries = lay(
    numbered.filter((one) => !isLogical(one)),
    MIB,
    0,
  );
  const logicals = lay(numbered.filter(isLogical), primaries.endBytes, MIB);
  const end = lay([{ ...last, number: lastNumber }], logicals.endBytes, 0);
  const extended = {
    number: EXTENDED,
    offsetBytes: primaries.endBytes,
    sizeBytes: logicals.endBytes - primaries.endBytes,
  };
  return {
    places: [...primaries.places, ...logicals.places, ...end.places],
    extended: needsExtended ? extended : undefined,
    endBytes: end.endBytes,
  };
}

function giveNumbers<T extends Wanted>(wanted: readonly T[], numbers: readonly number[]): (T & { number: number })[] {
  const fixed = new Set(wanted.map(({ number }) => number));
  const free = numbers.filter((number) => !fixed.has(number)).values();
  return wanted.map((one) => ({ ...one, number: one.number ?? Number(free.next().value) }));
}

function lay<T extends Wanted & { number: number }>(wanted: readonly T[], startBytes: number, gapBytes: number) {
  let endBytes = startBytes;
  const places = wanted.map((one) => {
    const offsetBytes = endBytes + gapBytes;
    const sizeBytes = Math.ceil(one.sizeBytes / MIB) * MIB;
    endBytes = offsetBytes + sizeBytes;
    return { ...one, offsetBytes, sizeBytes };
  });
  return { places, endBytes };
}
