import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { mixShares, mixture } from "../../src/data/mix.js";

const SIZES = { large: 43_410, middle: 19_532, small: 844 };
const sum = (values: Record<string, number>) => Object.values(values).reduce((a, b) => a + b, 0);

describe("mixShares", () => {
  it("follows size at temperature 1, is even at Infinity, and raises sizes to 0.7 at 1/0.7 as the published run did", () => {
    const total = sum(SIZES);
    expect(mixShares({ sizes: SIZES, temperature: 1, total: 100 }).shares.small).toBeCloseTo(844 / total, 12);
    expect(mixShares({ sizes: SIZES, temperature: Number.POSITIVE_INFINITY, total: 100 }).shares.small).toBeCloseTo(1 / 3, 12);
    const powers = sum({ a: 43_410 ** 0.7, b: 19_532 ** 0.7, c: 844 ** 0.7 });
    expect(mixShares({ sizes: SIZES, temperature: 1 / 0.7, total: 100 }).shares.middle).toBeCloseTo(19_532 ** 0.7 / powers, 12);
  });

  it("counts a size above the cap as the cap", () => {
    expect(mixShares({ sizes: { a: 1000, b: 100 }, temperature: 2, cap: 400, total: 30 }).shares.a).toBeCloseTo(20 / 30, 12);
  });

  it("gives what a small source cannot take to the others, in proportion to their shares", () => {
    const { wanted, expected } = mixShares({
      sizes: { a: 300, b: 100, c: 10 },
      temperature: Number.POSITIVE_INFINITY,
      maxRepeats: 2,
      total: 180,
    });
    expect(wanted.c).toBeCloseTo(1 / 3, 12);
    expect(expected).toEqual({ a: 80, b: 80, c: 20 });
  });

  it("neither overflows at a very low temperature nor draws from an empty source", () => {
    expect(mixShares({ sizes: { a: 1000, b: 999, c: 0 }, temperature: 1e-4, total: 10 }).shares).toEqual({
      a: expect.closeTo(1, 3),
      b: expect.closeTo(0, 3),
      c: 0,
    });
    expect(mixShares({ sizes: { a: 5, b: 0 }, temperature: Number.POSITIVE_INFINITY, total: 10 }).shares).toEqual({ a: 1, b: 0 });
    expect(mixShares({ sizes: { a: 10, b: 1 }, temperature: 1e-5, maxRepeats: 1, total: 11 }).expected).toEqual({ a: 10, b: 1 });
  });

  it("says what is wrong with its settings", () => {
    expect(() => mixShares({ sizes: SIZES, temperature: 0, total: 1 })).toThrow(/temperature: expected a number above 0/);
    expect(() => mixShares({ sizes: {}, temperature: 1, total: 1 })).toThrow(/at least one source/);
    expect(() => mixShares({ sizes: { a: 2 }, temperature: 1, maxRepeats: 2, total: 5 })).toThrow("total: expected at most 4 items");
    expect(() => mixShares({ sizes: { a: 1.5 }, temperature: 1, total: 1 })).toThrow(/sizes\.a/);
  });
});

describe("mixture", () => {
  const options = fc.record({
    sizes: fc.dictionary(fc.constantFrom("a", "b", "c", "d"), fc.integer({ min: 1, max: 60 }), { minKeys: 1 }),
    temperature: fc.oneof(fc.double({ min: 0.05, max: 20, noNaN: true }), fc.constant(Number.POSITIVE_INFINITY)),
    cap: fc.integer({ min: 1, max: 80 }),
    maxRepeats: fc.integer({ min: 1, max: 3 }),
    fraction: fc.double({ min: 0, max: 1, noNaN: true }),
    seed: fc.integer(),
  });

  it("draws exactly `total`, near the expectation, no item more than `maxRepeats` times nor again before its epoch is over", () => {
    fc.assert(
      fc.property(options, ({ fraction, ...rest }) => {
        const total = Math.floor(fraction * sum(rest.sizes) * rest.maxRepeats);
        const mixed = mixture({ ...rest, total });
        expect(sum(mixed.drawn)).toBe(total);
        expect(mixed.picks).toHaveLength(total);
        for (const [name, size] of Object.entries(rest.sizes)) {
          const order = mixed.picks.filter((pick) => pick.source === name).map((pick) => pick.index);
          expect(order).toHaveLength(mixed.drawn[name]!);
          expect(Math.abs(mixed.drawn[name]! - mixed.expected[name]!)).toBeLessThan(1 + 1e-6);
          expect(mixed.epochs[name]).toBeCloseTo(order.length / size, 12);
          for (let start = 0; start < order.length; start += size) {
            const epoch = order.slice(start, start + size);
            expect(new Set(epoch).size).toBe(epoch.length);
            expect(epoch.every((index) => index >= 0 && index < size)).toBe(true);
          }
          expect(mixed.repeats[name]).toBe(Math.ceil(order.length / size));
          expect(mixed.repeats[name]).toBeLessThanOrEqual(rest.maxRepeats);
        }
      }),
      { numRuns: 200 },
    );
  });

  it("gives the same picks for the same seed, others for another, and keeps a source's order when one is added", () => {
    const draw = (seed: number, sizes: Record<string, number>) => mixture({ sizes, temperature: 2, total: 40, seed }).picks;
    expect(draw(1, { a: 30, b: 20 })).toEqual(draw(1, { a: 30, b: 20 }));
    expect(draw(1, { a: 30, b: 20 })).not.toEqual(draw(2, { a: 30, b: 20 }));
    const only = (picks: { source: string; index: number }[]) => picks.filter((pick) => pick.source === "a").map((pick) => pick.index);
    const [few, many] = [only(draw(1, { a: 30, b: 20, c: 20 })), only(draw(1, { a: 30, b: 20 }))];
    expect(many.slice(0, few.length)).toEqual(few);
  });
});
