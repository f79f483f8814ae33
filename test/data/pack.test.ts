import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type PackedRow, packSequences, type Sequence } from "../../src/data/pack.js";

/** The sequences of a row, cut out again by segment. */
function unpacked(row: PackedRow): { index: number; ids: number[]; targets: number[]; positions: number[] }[] {
  return row.sequences.map((index, segment) => {
    const at = [...row.segments.keys()].filter((i) => row.segments[i] === segment + 1);
    const of = (values: ArrayLike<number>) => at.map((i) => values[i]!);
    return { index, ids: of(row.ids), targets: of(row.targets), positions: of(row.positions) };
  });
}

const sequence = (size: number, from = 0, target = (i: number) => i % 3 === 2): Sequence => ({
  ids: Array.from({ length: size }, (_, i) => from + i + 1),
  targets: Array.from({ length: size }, (_, i) => target(i)),
});

describe("packSequences", () => {
  it("loses and doubles no token, splits no sequence, and starts positions anew in each", () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 24 }), { maxLength: 60 });
    fc.assert(
      fc.property(sizes, fc.option(fc.integer(), { nil: undefined }), (lengths, seed) => {
        const sequences = lengths.map((size, i) => sequence(size, 1000 * i));
        const packed = packSequences(sequences, { length: 24, padId: -1, ...(seed === undefined ? {} : { seed }) });
        const found = packed.rows.flatMap(unpacked).sort((a, b) => a.index - b.index);
        expect(found.map((piece) => piece.index)).toEqual([...lengths.keys()]);
        for (const piece of found) {
          expect(piece.ids).toEqual(sequences[piece.index]!.ids);
          expect(piece.targets).toEqual(Array.from(sequences[piece.index]!.targets, (target, i) => (target && i > 0 ? 1 : 0)));
          expect(piece.positions).toEqual([...piece.ids.keys()]);
        }
        for (const row of packed.rows) {
          const used = row.segments.filter((segment) => segment > 0).length;
          expect([...row.ids.subarray(used)].every((id) => id === -1)).toBe(true);
          expect([...row.targets.subarray(used), ...row.segments.subarray(used)].every((value) => value === 0)).toBe(true);
        }
        const tokens = lengths.reduce((a, b) => a + b, 0);
        expect(packed).toMatchObject({ tokens, truncated: 0, dropped: 0, tokensCut: 0 });
        // Best fit decreasing needs at most 11/9 of the best possible number of rows, and one more.
        expect(packed.rows.length).toBeLessThanOrEqual((11 / 9) * Math.max(1, lengths.length ? 2 * Math.ceil(tokens / 24) : 0) + 1);
      }),
      { numRuns: 200 },
    );
  });

  it("fills rows by best fit", () => {
    const packed = packSequences([sequence(6), sequence(4), sequence(3), sequence(7), sequence(10)], { length: 10, padId: 0 });
    expect(packed.rows.map((row) => row.sequences)).toEqual([[4], [3, 2], [0, 1]]);
    expect(packed.fill).toBe(1);
  });

  it("cuts a long sequence's context from the left and keeps its last reply, and counts it", () => {
    const long = sequence(20, 0, (i) => i === 3 || (i >= 15 && i < 18));
    const { rows, truncated, tokensCut, tokens } = packSequences([long], { length: 8, padId: 0 });
    expect([...rows[0]!.ids]).toEqual([11, 12, 13, 14, 15, 16, 17, 18]);
    expect([...rows[0]!.targets]).toEqual([0, 0, 0, 0, 0, 1, 1, 1]);
    expect({ truncated, tokensCut, tokens }).toEqual({ truncated: 1, tokensCut: 12, tokens: 8 });
  });

  it("keeps the first tokens where that is asked for, and the beginning of a reply longer than a row with the token before it", () => {
    const long = sequence(20, 0, (i) => i >= 15);
    expect([...packSequences([long], { length: 8, padId: 0, keepFirst: 1 }).rows[0]!.ids]).toEqual([1, 14, 15, 16, 17, 18, 19, 20]);
    const reply = sequence(20, 0, (i) => i >= 5);
    const [row] = packSequences([reply], { length: 8, padId: 0 }).rows;
    expect([...row!.ids]).toEqual([5, 6, 7, 8, 9, 10, 11, 12]);
    expect([...row!.targets]).toEqual([0, 1, 1, 1, 1, 1, 1, 1]);
    const all = sequence(20, 0, () => true);
    expect([...packSequences([all], { length: 8, padId: 0, keepFirst: 2 }).rows[0]!.ids]).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  });

  it("never makes a row longer than it is, whatever the targets are", () => {
    const targets = fc.array(fc.boolean(), { minLength: 9, maxLength: 40 });
    fc.assert(
      fc.property(targets, fc.integer({ min: 0, max: 6 }), (wanted, keepFirst) => {
        const long = sequence(wanted.length, 0, (i) => wanted[i]!);
        const { rows, tokens, tokensCut } = packSequences([long], { length: 8, padId: 0, keepFirst });
        const ids = unpacked(rows[0]!)[0]!.ids;
        expect(tokens + tokensCut).toBe(wanted.length);
        expect(ids).toHaveLength(tokens);
        expect(new Set(ids).size).toBe(tokens);
        expect([...ids].sort((a, b) => a - b)).toEqual(ids);
        if (wanted.slice(Math.max(1, keepFirst)).some((target) => target)) expect(rows[0]!.targets.includes(1)).toBe(true);
      }),
    );
  });

  it("drops long and empty sequences where that is asked for, and puts one in a row where that is", () => {
    const packed = packSequences([sequence(3), sequence(20), sequence(0), sequence(2)], {
      length: 8,
      padId: 0,
      tooLong: "drop",
      alone: true,
    });
    expect(packed.dropped).toBe(2);
    expect(packed.rows.map((row) => row.sequences)).toEqual([[0], [3]]);
  });

  it("refuses targets that do not match their ids", () => {
    expect(() => packSequences([{ ids: [1, 2], targets: [true] }], { length: 8, padId: 0 })).toThrow(
      "sequences[0]: expected as many targets as ids (2), got 1",
    );
  });
});
