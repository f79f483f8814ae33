import type { SparseRows } from "./sparse.js";

export type FeatureOptions = {
  /** Longest run of words that counts as one feature. Default 2. */
  words?: number;
  /** Texts that a feature must stand in. Default 2. */
  minTexts?: number;
};

/** Which runs of words count, and what each weighs: scikit-learn's `TfidfVectorizer(sublinear_tf=True, ngram_range=(1, words), min_df=minTexts)`. */
export type Features = {
  words: number;
  /** A feature's column, by its words joined with a blank; in the order of code points. */
  columns: ReadonlyMap<string, number>;
  /** ln((1 + texts) / (1 + texts with the feature)) + 1, by column. */
  idf: Float64Array;
};

/** Two or more letters, digits or underscores in a row: what Python's `\b\w\w+\b` finds. */
const WORD = /[\p{L}\p{N}_]{2,}/gu;

/** Every word of a text in small letters, and every run of up to `words` of them. */
export function ngrams(text: string, words: number): string[] {
  const single = text.toLowerCase().match(WORD) ?? [];
  const found: string[] = [...single];
  for (let size = 2; size <= words; size++) for (let i = 0; i + size <= single.length; i++) found.push(single.slice(i, i + size).join(" "));
  return found;
}

/** Learns which features there are from texts, and how rare each is. */
export function learnFeatures(texts: readonly string[], { words = 2, minTexts = 2 }: FeatureOptions = {}): Features {
  const counts = new Map<string, number>();
  for (const text of texts) for (const gram of new Set(ngrams(text, words))) counts.set(gram, (counts.get(gram) ?? 0) + 1);
  const kept = [...counts].filter(([, count]) => count >= minTexts).sort(([a], [b]) => byCodePoint(a, b));
  return {
    words,
    columns: new Map(kept.map(([gram], column) => [gram, column])),
    idf: Float64Array.from(kept, ([, count]) => Math.log((1 + texts.length) / (1 + count)) + 1),
  };
}

/** (1 + ln count) × idf of each feature, each row scaled to length 1. A text without a known feature is a row of zeros. */
export function featureRows(texts: readonly string[], { words, columns, idf }: Features): SparseRows {
  const starts = new Int32Array(texts.length + 1);
  const [allColumns, allValues]: [number[], number[]] = [[], []];
  texts.forEach((text, i) => {
    const counts = new Map<number, number>();
    for (const gram of ngrams(text, words)) {
      const column = columns.get(gram);
      if (column !== undefined) counts.set(column, (counts.get(column) ?? 0) + 1);
    }
    const row = [...counts].sort(([a], [b]) => a - b).map(([column, count]) => [column, (1 + Math.log(count)) * idf[column]!] as const);
    const length = Math.sqrt(row.reduce((sum, [, value]) => sum + value * value, 0));
    for (const [column, value] of row) {
      allColumns.push(column);
      allValues.push(value / length);
    }
    starts[i + 1] = allColumns.length;
  });
  return { rows: texts.length, width: idf.length, starts, columns: Int32Array.from(allColumns), values: Float64Array.from(allValues) };
}

/** As Python sorts strings; JavaScript compares UTF-16 units, which puts some letters elsewhere. */
function byCodePoint(a: string, b: string): number {
  if (a === b) return 0;
  const [x, y] = [[...a], [...b]];
  const place = x.findIndex((letter, i) => letter !== y[i]);
  if (place < 0) return -1;
  return place >= y.length ? 1 : x[place]!.codePointAt(0)! - y[place]!.codePointAt(0)!;
}
