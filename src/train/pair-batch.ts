import type { LabelledRows } from "../losses/labelled.js";
import type { Inputs } from "../models/forward.js";
import type { EncodedPreference, EncodedReply } from "./pair-rows.js";

/**
 * Pairs that pass through a model together, with room for `size` of them. Reply i is the chosen one of pair i of the part, reply `size + i` the rejected one.
 * `labelled` names the hidden states that predict the replies' tokens, `of[i]` the reply that label i belongs to.
 */
export type PairPart = {
  inputs: Inputs & { parents: Int32Array };
  labelled: LabelledRows;
  /** Labels are padded to so many. */
  labels: number;
  of: Int32Array;
  /** Which pairs these are, by number; `size` at most. */
  pairs: readonly number[];
  size: number;
};

/** Pairs of one update; their losses add up, so that it does not matter which part a pair is in. */
export type PairBatch = { parts: PairPart[]; pairs: readonly number[] };

export type PairLayout = {
  padId: number;
  /**
   * Computes what both sides begin with once: a part is one row of `[prompt | chosen | rejected]`, pair after pair, where the replies see their prompt and
   * not each other. Exact for every model type as long as nothing is dropped at random. Without it each reply is a row with its own prompt.
   */
  shared?: boolean;
  /** Pairs in a part, at most. */
  most?: number;
  /** Tokens of the row that short pairs fill together, a power of two; a longer pair has a longer row. */
  time?: number;
};

/** Places in the shortest row, and for each pair in a row. */
const [SHORTEST, PLACES_OF_PAIR] = [128, 16];
/** Labels in the smallest part. */
const FEWEST_LABELS = 64;
/** Rows that share nothing are padded to a multiple of this. */
const PLAIN_MULTIPLE = 64;

/** @param pairs Numbers of the pairs, to look up their reference. */
export function pairBatch(encoded: readonly EncodedPreference[], pairs: readonly number[], layout: PairLayout): PairBatch {
  return { parts: pairGroups(encoded, pairs, layout).map((group) => pairPart(encoded, group, layout)), pairs };
}

/** Which pairs make a part together, the longest first; where prompts are shared, each goes into the fullest row that still takes it (best fit). */
export function pairGroups(encoded: readonly EncodedPreference[], pairs: readonly number[], layout: PairLayout): number[][] {
  const { shared = true, time = 512, most = pairs.length } = layout;
  const sized = pairs.map((number) => ({ number, length: pairLength(encoded[number]!) })).sort((a, b) => b.length - a.length);
  const limit = shared ? Math.min(most, time / PLACES_OF_PAIR) : most;
  const groups: number[][] = [];
  /** Numbers of the groups that have exactly so many free places. */
  const withRoom: number[][] = Array.from({ length: time + 1 }, () => []);
  for (const { number, length: tokens } of sized) {
    // Rows that share nothing have room for any pair.
    const length = shared ? tokens : 0;
    let room = length;
    while (room <= time && withRoom[room]!.length === 0) room++;
    const group = room <= time ? withRoom[room]!.pop()! : groups.push([]) - 1;
    groups[group]!.push(number);
    const free = Math.min(time, (room <= time ? room : powerOfTwo(length, time)) - length);
    if (groups[group]!.length < limit) withRoom[free]!.push(group);
  }
  return groups.map((group) => group.sort((a, b) => a - b));
}

/** One part of the given pairs. Its shapes, which are compiled, are powers of two that hang together: a training sees a handful. */
export function pairPart(encoded: readonly EncodedPreference[], pairs: readonly number[], { padId, shared = true }: PairLayout): PairPart {
  const chosen = pairs.map((number) => encoded[number]!);
  const families = shared ? chosen.map(together) : apart(chosen);
  const lengths = families.map(lengthOf);
  const rows = shared ? 1 : families.length;
  const time = shared
    ? powerOfTwo(Math.max(sum(lengths), pairs.length * PLACES_OF_PAIR), SHORTEST)
    : Math.ceil(Math.max(...lengths) / PLAIN_MULTIPLE) * PLAIN_MULTIPLE;
  const size = shared ? time / PLACES_OF_PAIR : pairs.length;
  const array = () => new Int32Array(rows * time);
  const inputs = { batch: rows, time, ids: array().fill(padId), segments: array(), positions: array(), parents: array() };
  let [at, segment] = [0, 1];
  const found = families.flatMap((family, i) => {
    const labels = place(inputs, family, { at: shared ? at : i * time, segment, replies: shared ? [i, size + i] : [i] });
    at += lengths[i]!;
    segment += 1 + family.replies.length;
    return labels;
  });
  const column = (pick: (label: Label) => number) => Int32Array.from(found, pick);
  const labels = powerOfTwo(found.length, Math.max(FEWEST_LABELS, shared ? time / 4 : 0));
  return {
    inputs,
    labelled: { rows: column(({ row }) => row), labels: column(({ id }) => id) },
    labels,
    of: column(({ of }) => of),
    pairs,
    size,
  };
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

const powerOfTwo = (least: number, first: number): number => {
  let power = first;
  while (power < least) power *= 2;
  return power;
};

/** Tokens that a pair takes in a row with a shared prompt. */
export const pairLength = (pair: EncodedPreference): number => lengthOf(together(pair));

/** Replies that continue the same tokens, which may be none. */
type Family = { prompt: number[]; replies: EncodedReply[] };

/** The common beginning of both sides, up to the first token that counts, and what follows on each. */
function together({ chosen, rejected }: EncodedPreference): Family {
  let common = 0;
  const sameAt = (at: number) => chosen.ids[at] === rejected.ids[at] && !chosen.targets[at] && !rejected.targets[at];
  while (common < Math.min(chosen.ids.length, rejected.ids.length) && sameAt(common)) common++;
  const rest = ({ ids, targets }: EncodedReply) => ({ ids: ids.slice(common), targets: targets.slice(common) });
  return { prompt: chosen.ids.slice(0, common), replies: [rest(chosen), rest(rejected)] };
}

/** Each side of each pair by itself: all chosen ones, then all rejected ones. */
const apart = (pairs: readonly EncodedPreference[]): Family[] =>
  [...pairs.map(({ chosen }) => chosen), ...pairs.map(({ rejected }) => rejected)].map((reply) => ({ prompt: [], replies: [reply] }));

const lengthOf = ({ prompt, replies }: Family): number => prompt.length + sum(replies.map(({ ids }) => ids.length));

type Label = { row: number; id: number; of: number };

/**
 * Writes a family from cell `at` on and returns its labels. The first token of a reply is predicted by the prompt's last; without a prompt by nothing.
 * `segment`: the first number that is free in the row; `replies`: the numbers of the family's replies.
 */
function place(inputs: PairPart["inputs"], { prompt, replies }: Family, to: { at: number; segment: number; replies: number[] }): Label[] {
  const labels: Label[] = [];
  const write = (ids: readonly number[], at: number, segment: number, parent: number, position: number) => {
    inputs.ids.set(ids, at);
    inputs.segments.fill(segment, at, at + ids.length);
    inputs.parents.fill(parent, at, at + ids.length);
    for (let i = 0; i < ids.length; i++) inputs.positions[at + i] = position + i;
  };
  write(prompt, to.at, to.segment, 0, 0);
  const last = to.at + prompt.length - 1;
  let at = to.at + prompt.length;
  replies.forEach(({ ids, targets }, i) => {
    write(ids, at, to.segment + 1 + i, prompt.length > 0 ? to.segment : 0, prompt.length);
    ids.forEach((id, j) => {
      const row = j > 0 ? at + j - 1 : last;
      if (targets[j] && row >= to.at) labels.push({ row, id, of: to.replies[i]! });
    });
    at += ids.length;
  });
  return labels;
}
