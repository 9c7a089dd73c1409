/** A piece of a line in one look: names of classes such as `bold` and `green`. */
export interface Run {
  readonly text: string;
  readonly look: string;
}

/** A line of the screen. */
export type Line = readonly Run[];

/** As much of a terminal as vmbuilder writes for. */
export interface TerminalScreen {
  write(text: string): void;
  /** Lines down to the last that isn't empty. */
  lines(): Line[];
}

const LOOKS: Readonly<Record<number, string>> = {
  1: "bold",
  2: "dim",
  31: "red",
  32: "green",
  33: "yellow",
  36: "cyan",
};

/**
 * Makes a screen that grows downwards. It knows line ends, cursor up, erasing, colours, and hiding the cursor; whatever else comes is an error,
 * so that no picture is wrong in silence.
 */
export function createScreen(): TerminalScreen {
  const cells: { character: string; look: string }[][] = [[]];
  let [row, column] = [0, 0];
  let looks = new Set<string>();

  const line = () => (cells[row] ??= []);
  const put = (character: string) => {
    const at = line();
    while (at.length < column) at.push({ character: " ", look: "" });
    at[column++] = { character, look: [...looks].sort().join(" ") };
  };
  const control = (final: string, numbers: readonly number[]) => {
    const [first = 0] = numbers;
    if (final === "A") row = Math.max(0, row - Math.max(first, 1));
    else if (final === "K" && first === 0) line().length = Math.min(line().length, column);
    else if (final === "J" && first === 0) {
      line().length = Math.min(line().length, column);
      cells.length = row + 1;
    } else if (final === "m") looks = nextLooks(looks, numbers);
    else if (final !== "h" && final !== "l")
      throw new Error(`the terminal was sent ESC [ ${numbers.join(";")} ${final}`);
  };
  return {
    write(text) {
      for (const [, sequence, character = ""] of text.matchAll(/\x1b\[([?\d;]*[A-Za-z])|([\s\S])/gu)) {
        if (sequence !== undefined)
          control(sequence.slice(-1), sequence.slice(0, -1).replace("?", "").split(";").map(Number));
        else if (character === "\r") column = 0;
        else if (character === "\n") row++;
        else put(character);
        line();
      }
    },
    lines() {
      const last = cells.findLastIndex((one) => one.some(({ character }) => character !== " "));
      return cells.slice(0, last + 1).map((one) => {
        const runs: { text: string; look: string }[] = [];
        for (const { character, look } of one) {
          const before = runs.at(-1);
          if (before?.look === look) before.text += character;
          else runs.push({ text: character, look });
        }
        return runs;
      });
    },
  };
}

function nextLooks(looks: ReadonlySet<string>, numbers: readonly number[]): Set<string> {
  const next = new Set(looks);
  for (const number of numbers) {
    if (number === 0) next.clear();
    else if (number === 22) for (const name of ["bold", "dim"]) next.delete(name);
    else if (number === 39) for (const name of ["red", "green", "yellow", "cyan"]) next.delete(name);
    else if (LOOKS[number] !== undefined) next.add(LOOKS[number]);
    else throw new Error(`the terminal was sent the colour ${number}`);
  }
  return next;
}
