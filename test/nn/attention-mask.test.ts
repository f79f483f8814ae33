import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Tensor4D, tf } from "../../src/core/tf.js";
import { attentionMask, type Segments } from "../../src/nn/attention-mask.js";
import { taken } from "../formula.js";

const segments = (...rows: number[][]): Segments => ({ values: Int32Array.from(rows.flat()), batch: rows.length, time: rows[0]!.length });

/** A mask as text: `x` where a query (line) sees a key (column). */
const drawn = (mask: Tensor4D): string[] => {
  const keys = mask.shape[3];
  const marks = Array.from(taken(mask), (value) => (value === 0 ? "x" : "."));
  return Array.from({ length: marks.length / keys }, (_, i) => marks.slice(i * keys, (i + 1) * keys).join(""));
};

/** One part of a row: so many tokens of a new segment, which continues an earlier part (by number) or starts anew. */
type Part = { size: number; parent: number | null };

/** The mask by its definition, from each token's chain of parts and its position in it. */
function bruteForce(parts: readonly Part[], padding: number, window: number | null): string[] {
  const starts = (part: number | null): number => (part === null ? 0 : starts(parts[part]!.parent) + parts[part]!.size);
  const tokens = parts.flatMap(({ size, parent }, part) =>
    Array.from({ length: size }, (_, i) => ({ part, parent, position: starts(parent) + i })),
  );
  const time = tokens.length + padding;
  return Array.from({ length: time }, (_, q) => {
    const query = tokens[q];
    const marks = Array.from({ length: time }, (_, k) => {
      const key = tokens[k];
      if (!query || !key || (key.part !== query.part && key.part !== query.parent)) return ".";
      const back = query.position - key.position;
      return back >= 0 && back < (window ?? time) ? "x" : ".";
    });
    return marks.join("");
  });
}

describe("attentionMask", () => {
  it("lets a query see itself and what came before", () => {
    expect(drawn(attentionMask(segments([1, 1, 1]), 3, null))).toEqual(["x..", "xx.", "xxx"]);
  });

  it("ends at a segment's border, and shows padding nothing", () => {
    expect(drawn(attentionMask(segments([0, 1, 1, 2, 2]), 5, null))).toEqual([".....", ".x...", ".xx..", "...x.", "...xx"]);
  });

  it("looks back no further than its window", () => {
    expect(drawn(attentionMask(segments([1, 1, 1, 1]), 4, 2))).toEqual(["x...", "xx..", ".xx.", "..xx"]);
    expect(drawn(attentionMask(segments([1, 1, 2, 2]), 4, 2))).toEqual(["x...", "xx..", "..x.", "..xx"]);
    expect(drawn(attentionMask(segments([1, 1, 1]), 3, 3))).toEqual(drawn(attentionMask(segments([1, 1, 1]), 3, null)));
  });

  it("takes the last positions as queries where there are fewer", () => {
    expect(drawn(attentionMask(segments([1, 1, 1, 1]), 2, null))).toEqual(["xxx.", "xxxx"]);
    expect(drawn(attentionMask(segments([0, 1, 1, 1], [1, 1, 1, 1]), 1, 2))).toEqual(["..xx", "..xx"]);
  });

  it("shows two replies one prompt, and neither the other", () => {
    const given = { ...segments([1, 1, 2, 2, 3, 3, 0]), parents: Int32Array.from([0, 0, 1, 1, 1, 1, 0]) };
    expect(drawn(attentionMask(given, 7, null))).toEqual(["x......", "xx.....", "xxx....", "xxxx...", "xx..x..", "xx..xx.", "......."]);
    expect(drawn(attentionMask(given, 7, 2))).toEqual(["x......", "xx.....", ".xx....", "..xx...", ".x..x..", "....xx.", "......."]);
  });

  it("is what its definition says, for packed rows of prompts with several replies", () => {
    const family = fc.tuple(fc.integer({ min: 1, max: 5 }), fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 3 }));
    const row = fc.array(family, { minLength: 1, maxLength: 4 });
    const window = fc.option(fc.integer({ min: 1, max: 8 }));
    let seen = 0;
    const property = fc.property(row, window, fc.integer({ min: 0, max: 3 }), fc.nat(), (families, reach, padding, cut) => {
      const parts: Part[] = [];
      for (const [prompt, replies] of families) {
        const parent = parts.push({ size: prompt, parent: null }) - 1;
        for (const size of replies) parts.push({ size, parent });
      }
      const fill = (pick: (part: Part, i: number) => number) => [
        ...parts.flatMap((part, i) => new Array<number>(part.size).fill(pick(part, i))),
        ...new Array<number>(padding).fill(0),
      ];
      const own = fill((_, i) => i + 1);
      const parents = fill(({ parent }) => (parent === null ? 0 : parent + 1));
      const queries = 1 + (cut % own.length);
      // Two rows, so that one row's segments cannot reach the other's.
      const given = { ...segments(own, own), parents: Int32Array.from([...parents, ...parents]) };
      const expected = bruteForce(parts, padding, reach).slice(own.length - queries);
      expect(drawn(attentionMask(given, queries, reach))).toEqual([...expected, ...expected]);
      seen += parts.length;
    });
    fc.assert(property, { numRuns: 200 });
    expect(seen).toBeGreaterThan(500);
  });

  it("is one tensor of its whole shape", () => {
    const before = tf.memory().numTensors;
    const mask = attentionMask(segments([1, 1], [1, 1], [1, 1]), 2, null);
    expect(mask.shape).toEqual([3, 1, 2, 2]);
    expect(tf.memory().numTensors - before).toBe(1);
    mask.dispose();
  });
});
