import type { Inputs } from "./forward.js";

/** A text on its way to its vector. */
export type EncodedText = { text: string; ids: readonly number[] };

/** Texts side by side in one row of `width` tokens; they do not see each other. */
export type TextRow = { width: number; texts: EncodedText[] };

/** Rows of equal width; `full` batches are all of one shape for each width. */
export type TextBatch = { width: number; rows: TextRow[]; full: boolean };

/** Rows are multiples of this many tokens wide, so that few shapes have to be compiled: short texts fill one together, and attention stays small. */
const WIDTH = 64;
/** A row holds at most one text for each of so many tokens, so that the number of its vectors is known beforehand. */
const TOKENS_PER_TEXT = 8;

export const textsIn = (width: number): number => Math.max(1, Math.floor(width / TOKENS_PER_TEXT));

/** Texts packed into rows, each into the fullest row that still takes it, longest first; `tokens`: in a batch, padding included. */
export function textBatches(texts: readonly EncodedText[], tokens: number): TextBatch[] {
  const all = packed(texts, Math.min(WIDTH, tokens));
  const widths = [...new Set(all.map(({ width }) => width))];
  return widths.flatMap((width) => {
    const rows = all.filter((row) => row.width === width);
    const size = Math.max(1, Math.floor(tokens / width));
    return Array.from({ length: Math.ceil(rows.length / size) }, (_, i) => {
      const part = rows.slice(i * size, (i + 1) * size);
      return { width, rows: part, full: part.length === size };
    });
  });
}

function packed(texts: readonly EncodedText[], unit: number): TextRow[] {
  const rows: TextRow[] = [];
  /** Rows that can take more, by the tokens that are free in them. */
  const open: TextRow[][] = [];
  for (const text of [...texts].sort((a, b) => b.ids.length - a.ids.length)) {
    const length = text.ids.length;
    let free = length;
    while (free < open.length && !open[free]?.length) free++;
    let row = open[free]?.pop();
    if (!row) {
      row = { width: Math.ceil(length / unit) * unit, texts: [] };
      free = row.width;
      rows.push(row);
    }
    row.texts.push(text);
    if (row.texts.length < textsIn(row.width)) {
      open[free - length] ??= [];
      open[free - length]!.push(row);
    }
  }
  return rows;
}

/** Weights over the tokens of each text, `[rows, textsIn(width), time]`, row after row: the mean, the last token, and 1, 2, 3 … of positions. */
export type TokenWeights = Record<"mean" | "last" | "position", Float32Array>;

/** A batch as tokens, and the weights that pool them. Batches that are not full are cut to their longest row. */
export function batchInputs({ width, rows, full }: TextBatch, padId: number): { inputs: Inputs; weights: TokenWeights } {
  const lengths = rows.map(({ texts }) => texts.reduce((sum, { ids }) => sum + ids.length, 0));
  const time = full ? width : Math.max(...lengths);
  const [batch, slots] = [rows.length, textsIn(width)];
  const values = () => new Int32Array(batch * time);
  const inputs: Inputs = { batch, time, ids: values().fill(padId), segments: values(), positions: values() };
  const empty = () => new Float32Array(batch * slots * time);
  const weights: TokenWeights = { mean: empty(), last: empty(), position: empty() };
  rows.forEach(({ texts }, row) => {
    let column = 0;
    texts.forEach(({ ids }, slot) => {
      const [at, line] = [row * time + column, (row * slots + slot) * time + column];
      ids.forEach((id, i) => {
        inputs.ids[at + i] = id;
        inputs.segments[at + i] = slot + 1;
        inputs.positions[at + i] = i;
        weights.position[line + i] = (2 * (i + 1)) / (ids.length * (ids.length + 1));
      });
      weights.last[line + ids.length - 1] = 1;
      weights.mean.fill(1 / ids.length, line, line + ids.length);
      column += ids.length;
    });
  });
  return { inputs, weights };
}
