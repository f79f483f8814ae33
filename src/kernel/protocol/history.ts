/** One cell of the session. `output` is the plain text of its value, null where it had none. */
export type HistoryEntry = { line: number; input: string; output: string | null };

/** What a client asks of the history, in Jupyter's words. */
export type HistoryQuery = {
  hist_access_type?: unknown;
  output?: unknown;
  session?: unknown;
  start?: unknown;
  stop?: unknown;
  n?: unknown;
  pattern?: unknown;
  unique?: unknown;
};

/** A line as Jupyter lists it: session, line, input, or input and output. */
export type HistoryLine = [session: number, line: number, input: string | [input: string, output: string | null]];

/** The kernel's life is one session. */
const SESSION = 1;

/** What was run, kept in memory as long as the kernel lives. */
export class History {
  readonly #entries: HistoryEntry[] = [];

  add(entry: HistoryEntry): void {
    this.#entries.push(entry);
  }

  /** @throws RangeError where `hist_access_type` is none of tail, range and search. */
  query(query: HistoryQuery): HistoryLine[] {
    const output = query.output === true;
    return this.#find(query).map((entry) => [SESSION, entry.line, output ? [entry.input, entry.output] : entry.input]);
  }

  #find(query: HistoryQuery): HistoryEntry[] {
    const last = (entries: HistoryEntry[]): HistoryEntry[] =>
      typeof query.n === "number" ? entries.slice(-query.n || entries.length) : entries;
    switch (query.hist_access_type) {
      case "tail":
        return last(this.#entries);
      case "range": {
        if (query.session !== undefined && query.session !== 0 && query.session !== SESSION) return []; // sessions before this one are not kept
        const start = typeof query.start === "number" ? query.start : 1;
        const stop = typeof query.stop === "number" ? query.stop : Number.POSITIVE_INFINITY;
        return this.#entries.filter(({ line }) => line >= start && line < stop);
      }
      case "search": {
        const pattern = glob(typeof query.pattern === "string" ? query.pattern : "*");
        const found = this.#entries.filter(({ input }) => pattern.test(input));
        return last(query.unique === true ? [...new Map(found.map((entry) => [entry.input, entry])).values()].sort(byLine) : found);
      }
      default:
        throw new RangeError(`history: expected tail, range or search, got ${JSON.stringify(query.hist_access_type)}`);
    }
  }
}

/** `*` is any text, `?` any character; the rest is itself. */
function glob(pattern: string): RegExp {
  const source = pattern
    .replace(/[\\^$.|+()[\]{}]/g, "\\$&")
    .replace(/\*+/g, "[^]*")
    .replaceAll("?", "[^]");
  return new RegExp(`^${source}$`, "u");
}

const byLine = (a: HistoryEntry, b: HistoryEntry): number => a.line - b.line;
