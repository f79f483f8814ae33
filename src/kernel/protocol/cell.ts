import type { CellStatus } from "../messages.js";
import type { Message } from "../wire.js";
import type { Parent } from "./publisher.js";

/** How a cell ended on the main thread, with the values of the expressions that its client asked for. */
export type Done = { outcome: CellStatus; userExpressions: { [name: string]: unknown } };

/** A request whose work is done on the main thread: a cell, or a comm message. Output that it causes names it for as long as the kernel lives. */
export type Cell = {
  number: number;
  parent: Parent;
  /** Where questions to the user go. */
  identities: Buffer[];
  silent: boolean;
  allowStdin: boolean;
  /** In[n]; 0 where it has none. */
  count: number;
  /** The plain text of its value, for the history. */
  output: string | null;
  /** Hears its end, until it is given up. */
  done: ((done: Done) => void) | undefined;
};

/** Comm messages come by the thousand; so many requests are remembered. */
const REMEMBERED = 20_000;

/** All requests that can still cause output, by number. */
export class Cells {
  readonly #cells = new Map<number, Cell>();
  #last = 0;

  add(request: Message, fields: Partial<Cell> = {}): Cell {
    const number = ++this.#last;
    const { identities, header: parent } = request;
    const cell: Cell = { number, parent, identities, silent: false, allowStdin: false, count: 0, output: null, done: undefined, ...fields };
    this.#cells.set(number, cell);
    this.#cells.delete(number - REMEMBERED);
    return cell;
  }

  get(number: number): Cell | undefined {
    return this.#cells.get(number);
  }
}
