import { SourceMap, type SourceMapPayload } from "node:module";

/** The script name of a cell, as V8 shows it in stacks. */
export const cellName = /^cell-\d+\.ts$/;

/** A place in a cell as its author wrote it, counted from 1. */
export type CellPlace = {
  title: string;
  line: number;
  column: number /** The whole cell; empty where the source map does not carry it. */;
  source: string;
};

/** The cells run so far, to find the way back from the code that ran to the code that was written. */
export type Cells = {
  /** Remembers a cell and returns its script's name. `map` is empty where `code` is what was written. */
  add(cell: number, of: { count: number; code: string; map: string }): string;
  /** Undefined for a cell that is not known. */
  place(cell: number, line: number, column: number): CellPlace | undefined;
  /** The first place that `text` names, translated or not. */
  find(text: string): CellPlace | undefined;
  /** `text` with places such as `cell-7.ts:3:1` as `cell 2:1:1`: by the number that the notebook shows. */
  translate(text: string): string;
};

type Known = { title: string; source: string; map: SourceMap | undefined; load: (() => SourceMap) | undefined };

export function createCells(): Cells {
  const cells = new Map<number, Known>();

  function place(cell: number, line: number, column: number): CellPlace | undefined {
    const known = cells.get(cell);
    if (!known) return undefined;
    known.map ??= known.load?.();
    known.load = undefined;
    const { title, source } = known;
    const found = known.map?.findEntry(line - 1, column - 1) as { originalLine?: number; originalColumn?: number } | undefined;
    if (found?.originalLine === undefined || found.originalColumn === undefined) return { title, line, column, source };
    return { title, line: found.originalLine + 1, column: found.originalColumn + 1, source };
  }

  return {
    add(cell, { count, code, map }) {
      const payload = map ? (JSON.parse(map) as SourceMapPayload) : undefined;
      const source = payload ? (payload.sourcesContent?.[0] ?? "") : code;
      cells.set(cell, { title: count ? `cell ${count}` : "cell", source, map: undefined, load: payload && (() => new SourceMap(payload)) });
      return `cell-${cell}.ts`;
    },
    place,
    find(text) {
      const script = /\bcell-(\d+)\.ts:(\d+):(\d+)/.exec(text);
      if (script) return place(Number(script[1]), Number(script[2]), Number(script[3]));
      const shown = /\b(cell(?: \d+)?):(\d+):(\d+)/.exec(text);
      const known = shown && [...cells.values()].findLast(({ title }) => title === shown[1]);
      return known ? { title: known.title, line: Number(shown[2]), column: Number(shown[3]), source: known.source } : undefined;
    },
    translate: (text) =>
      text.replace(/\bcell-(\d+)\.ts:(\d+):(\d+)/g, (written, cell, line, column) => {
        const found = place(Number(cell), Number(line), Number(column));
        return found ? `${found.title}:${found.line}:${found.column}` : written;
      }),
  };
}
