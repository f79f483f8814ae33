import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type PairLayout, pairBatch, pairGroups, pairLength, pairPart } from "../../src/train/pair-batch.js";
import type { EncodedPreference, EncodedReply } from "../../src/train/pair-rows.js";

const reply = (prompt: number[], ids: number[]): EncodedReply => ({
  ids: [...prompt, ...ids],
  targets: [...prompt.map(() => false), ...ids.map(() => true)],
});
const pairOf = (prompt: number[], chosen: number[], rejected: number[]): EncodedPreference => ({
  chosen: reply(prompt, chosen),
  rejected: reply(prompt, rejected),
  cut: 0,
});
const encoded = [pairOf([1, 2], [3, 4, 5], [6]), pairOf([9], [9], [8, 7, 7]), pairOf([3], [4], [5])];

const used = <T>(values: ArrayLike<T>, count: number): T[] => Array.from(values).slice(0, count);

describe("a part of whole rows", () => {
  it("holds all chosen rows, then all rejected ones, and says whose each label is", () => {
    const { inputs, labelled, of, pairs, size } = pairPart(encoded, [1, 0], { padId: 50, shared: false });
    expect([[...pairs], size, inputs.batch, inputs.time]).toEqual([[1, 0], 2, 4, 64]);
    const rows = [0, 1, 2, 3].map((row) => used(inputs.ids.subarray(row * 64, (row + 1) * 64), 6));
    expect(rows).toEqual([
      [9, 9, 50, 50, 50, 50],
      [1, 2, 3, 4, 5, 50],
      [9, 8, 7, 7, 50, 50],
      [1, 2, 6, 50, 50, 50],
    ]);
    expect([...inputs.segments].map((segment) => segment > 0)).toEqual([...inputs.ids].map((id) => id !== 50));
    expect([...labelled.labels]).toEqual([9, 3, 4, 5, 8, 7, 7, 6]);
    expect([...of]).toEqual([0, 1, 1, 1, 2, 2, 2, 3]);
  });
});

describe("a part of shared prompts", () => {
  it("holds each prompt once, with both replies after it", () => {
    const { inputs, labelled, of, size, labels } = pairPart(encoded, [0, 1], { padId: 50 });
    expect([inputs.batch, inputs.time, size, labels]).toEqual([1, 128, 8, 64]);
    expect(used(inputs.ids, 12)).toEqual([1, 2, 3, 4, 5, 6, 9, 9, 8, 7, 7, 50]);
    expect(used(inputs.segments, 12)).toEqual([1, 1, 2, 2, 2, 3, 4, 5, 6, 6, 6, 0]);
    expect(used(inputs.parents, 12)).toEqual([0, 0, 1, 1, 1, 1, 0, 4, 4, 4, 4, 0]);
    expect(used(inputs.positions, 12)).toEqual([0, 1, 2, 3, 4, 2, 0, 1, 1, 2, 3, 0]);
    // Both replies' first tokens are predicted by the prompt's last.
    expect([...labelled.rows]).toEqual([1, 2, 3, 1, 6, 6, 8, 9]);
    expect([...labelled.labels]).toEqual([3, 4, 5, 6, 9, 8, 7, 7]);
    expect([...of]).toEqual([0, 0, 0, 8, 1, 9, 9, 9]);
  });

  it("keeps apart what does not begin alike, and shares no token that counts", () => {
    const different: EncodedPreference = { chosen: reply([1, 2], [3]), rejected: reply([1, 4], [3]), cut: 0 };
    const none: EncodedPreference = { chosen: reply([1], [3]), rejected: reply([2], [3]), cut: 0 };
    const same = pairOf([1], [7, 7], [7, 8]);
    const { inputs, labelled } = pairPart([different, none, same], [0, 2, 1], { padId: 0 });
    expect(used(inputs.ids, 14)).toEqual([1, 2, 3, 4, 3, 1, 7, 7, 7, 8, 1, 3, 2, 3]);
    expect(used(inputs.parents, 14)).toEqual([0, 1, 1, 1, 1, 0, 4, 4, 4, 4, 0, 0, 0, 0]);
    expect(used(inputs.positions, 14)).toEqual([0, 1, 2, 1, 2, 0, 1, 2, 1, 2, 0, 1, 0, 1]);
    expect([...labelled.rows]).toEqual([1, 3, 5, 6, 5, 8, 10, 12]);
  });

  it("puts pairs into the fullest row that takes them, and long ones into rows of their own length", () => {
    const long = (length: number) => pairOf(new Array<number>(length - 2).fill(1), [2], [3]);
    const pairs = [300, 500, 100, 212, 600, 12, 1500].map(long);
    const numbers = [...pairs.keys()];
    // 1500 + 500 + 12 of 2048, 600 + 300 + 100 of 1024, 212 of 256.
    expect(pairGroups(pairs, numbers, { padId: 0 })).toEqual([[1, 5, 6], [0, 2, 4], [3]]);
    expect(pairGroups(pairs, numbers, { padId: 0, most: 1 })).toHaveLength(7);
    const times = pairBatch(pairs, numbers, { padId: 0 }).parts.map(({ inputs }) => inputs.time);
    expect(times).toEqual([2048, 1024, 256]);
    const tiny = Array.from({ length: 70 }, () => long(3));
    expect(pairGroups(tiny, [...tiny.keys()], { padId: 0 }).map(({ length }) => length)).toEqual([32, 32, 6]);
  });

  it("is a rearrangement of whole rows: each label has the same tokens before it", () => {
    const ids = (maxLength: number) => fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength });
    const some = fc.array(fc.tuple(ids(60), ids(30), ids(30)), { minLength: 1, maxLength: 8 });
    let labels = 0;
    const property = fc.property(some, fc.constantFrom(64, 128, 512), (given, time) => {
      const made = given.map(([prompt, chosen, rejected]) => pairOf(prompt, chosen, rejected));
      const numbers = [...made.keys()];
      const layout = { padId: 0, time };
      const found = seen(made, numbers, layout);
      expect(found).toEqual(seen(made, numbers, { padId: 0, shared: false }));
      labels += found.length;
      const { parts } = pairBatch(made, numbers, layout);
      expect(parts.flatMap(({ pairs }) => pairs).sort((a, b) => a - b)).toEqual(numbers);
      const tokens = parts.reduce((sum, { inputs }) => sum + inputs.segments.filter((segment) => segment > 0).length, 0);
      expect(tokens).toBe(made.reduce((sum, pair) => sum + pairLength(pair), 0));
      for (const { inputs, labels: room, of, pairs, size } of parts) {
        expect(Math.log2(inputs.time) % 1).toBe(0);
        expect(of.length).toBeLessThanOrEqual(room);
        expect(pairs.length).toBeLessThanOrEqual(size);
      }
    });
    fc.assert(property, { numRuns: 100 });
    expect(labels).toBeGreaterThan(1000);
  });
});

/** For each label: whose it is, what it is, and all tokens that the row which predicts it sees, with their positions. */
function seen(encodedPairs: readonly EncodedPreference[], numbers: number[], layout: PairLayout): string[] {
  const lines = pairBatch(encodedPairs, numbers, layout).parts.flatMap(({ inputs, labelled, of, pairs, size }) => {
    const { time, ids, segments, parents, positions } = inputs;
    return [...labelled.rows].map((row, i) => {
      const start = Math.floor(row / time) * time;
      // A reply's first token is predicted by the prompt, which has no parent and sees itself alone.
      const visible = [segments[row], parents[row]].filter((segment) => segment !== 0);
      const cells = Array.from({ length: row - start + 1 }, (_, k) => start + k).filter((cell) => visible.includes(segments[cell]));
      const whose = of[i]! < size ? `chosen ${pairs[of[i]!]}` : `rejected ${pairs[of[i]! - size]}`;
      return `${whose}: ${cells.map((cell) => `${ids[cell]}@${positions[cell]}`).join(" ")} -> ${labelled.labels[i]}`;
    });
  });
  return lines.sort();
}
