import { Random } from "../core/random.js";
import { checkInteger } from "../core/shapes.js";

/** One encoded dialogue: token ids, and which of them are to be learned. */
export type Sequence = { ids: ArrayLike<number>; targets: ArrayLike<boolean | number> };

/** One row of a packed batch. All arrays have the same length; places without a token hold `padId`, and 0 elsewhere. */
export type PackedRow = {
  ids: Int32Array;
  /** 1 where the token is to be learned. Never at a sequence's first token: nothing of its own stands before it. */
  targets: Uint8Array;
  /** 1, 2, ... for the sequences in the row, 0 for padding: a token may attend only within its own number. */
  segments: Int32Array;
  /** Counts from 0 in each sequence. */
  positions: Int32Array;
  /** Which of the given sequences are in the row, by number, in order. */
  sequences: number[];
};

export type PackOptions = {
  /** Tokens in a row. */
  length: number;
  padId: number;
  /** What is done with a sequence longer than a row: `truncate` its context from the left, or `drop` it. */
  tooLong?: "truncate" | "drop";
  /** Tokens at the start that truncation keeps, such as 1 for a BOS token. */
  keepFirst?: number;
  /** One sequence a row: for comparison, and for models that cannot keep sequences apart. */
  alone?: boolean;
  /** Shuffles the rows; without it the fullest-first order of packing stays. */
  seed?: number;
};

export type Packed = {
  rows: PackedRow[];
  /** Sequences cut, tokens cut off them, sequences left out (too long, or empty). */
  truncated: number;
  tokensCut: number;
  dropped: number;
  /** Tokens packed, and their share of all places. */
  tokens: number;
  fill: number;
};

/**
 * Packs sequences into rows by best fit decreasing: the longest first, each into the fullest row that still takes it. A sequence is never
 * split, and no token is lost or doubled, except by truncation, which is counted: it keeps the last run of targets (the last reply) and as
 * much before it as fits; where that reply alone is longer than a row, its beginning.
 */
export function packSequences(sequences: readonly Sequence[], options: PackOptions): Packed {
  const { length, padId, tooLong = "truncate", keepFirst = 0, alone = false, seed } = options;
  checkInteger("length", length, 2);
  checkInteger("keepFirst", keepFirst, 0, length - 2);
  const counts = { truncated: 0, tokensCut: 0, dropped: 0, tokens: 0 };
  const pieces: Piece[] = [];
  sequences.forEach((sequence, index) => {
    const size = sequence.ids.length;
    if (sequence.targets.length !== size) {
      throw new RangeError(`sequences[${index}]: expected as many targets as ids (${size}), got ${sequence.targets.length}`);
    }
    if (size === 0 || (size > length && tooLong === "drop")) {
      counts.dropped++;
      return;
    }
    const kept = size > length ? window(sequence, length, keepFirst) : [...Array(size).keys()];
    if (kept.length < size) {
      counts.truncated++;
      counts.tokensCut += size - kept.length;
    }
    counts.tokens += kept.length;
    pieces.push({ index, sequence, kept });
  });
  const bins = bestFitDecreasing(pieces, alone ? 0 : length);
  const rows = bins.map((bin) => fill(bin, length, padId));
  return {
    rows: seed === undefined ? rows : new Random(seed).shuffled(rows),
    ...counts,
    fill: rows.length > 0 ? counts.tokens / (rows.length * length) : 0,
  };
}

/** A sequence and the places of its tokens that are kept. */
type Piece = { index: number; sequence: Sequence; kept: number[] };

function window({ ids, targets }: Sequence, length: number, keepFirst: number): number[] {
  let end = ids.length;
  while (end > 0 && !targets[end - 1]) end--;
  if (end === 0) end = ids.length;
  let start = end;
  while (start > 0 && targets[start - 1]) start--;
  const room = length - keepFirst;
  // The token before a reply stays in any case: the reply's first token is predicted from it.
  const from = Math.max(keepFirst, Math.min(end - room, start - 1));
  const head = [...Array(keepFirst).keys()];
  return [...head, ...Array.from({ length: Math.min(room, ids.length - from) }, (_, i) => from + i)];
}

function bestFitDecreasing(pieces: readonly Piece[], length: number): Piece[][] {
  const bins: Piece[][] = [];
  /** Numbers of the bins that have exactly so many free places. */
  const withRoom: number[][] = Array.from({ length: length + 1 }, () => []);
  for (const piece of [...pieces].sort((a, b) => b.kept.length - a.kept.length)) {
    const size = piece.kept.length;
    let room = size;
    while (room <= length && withRoom[room]!.length === 0) room++;
    const bin = room <= length ? withRoom[room]!.pop()! : bins.push([]) - 1;
    bins[bin]!.push(piece);
    const left = Math.min(room, length) - size;
    if (left > 0) withRoom[left]!.push(bin);
  }
  return bins;
}

function fill(bin: readonly Piece[], length: number, padId: number): PackedRow {
  const row: PackedRow = {
    ids: new Int32Array(length).fill(padId),
    targets: new Uint8Array(length),
    segments: new Int32Array(length),
    positions: new Int32Array(length),
    sequences: bin.map((piece) => piece.index),
  };
  let at = 0;
  bin.forEach(({ sequence, kept }, segment) => {
    kept.forEach((from, position) => {
      row.ids[at] = sequence.ids[from]!;
      row.targets[at] = position > 0 && sequence.targets[from] ? 1 : 0;
      row.segments[at] = segment + 1;
      row.positions[at] = position;
      at++;
    });
  });
  return row;
}
