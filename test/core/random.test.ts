import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { hash32, Random } from "../../src/core/random.js";

describe("Random", () => {
  it("gives the same numbers for the same seed, and others for another", () => {
    const draw = (seed: number | string) =>
      Array.from(
        { length: 8 },
        (
          (random) => () =>
            random.bits()
        )(new Random(seed)),
      );
    expect(draw(7)).toEqual(draw(7));
    expect(draw(7)).toEqual(draw("7"));
    expect(draw(7)).not.toEqual(draw(8));
  });

  it("goes on from a saved state", () => {
    const random = new Random("state");
    random.uniform();
    const { state } = random;
    const next = [random.uniform(), random.normal(), random.integer(1000)];
    const resumed = new Random(state);
    expect([resumed.uniform(), resumed.normal(), resumed.integer(1000)]).toEqual(next);
  });

  it("forks without disturbing itself", () => {
    const [a, b] = [new Random(1), new Random(1)];
    a.fork("x").uniform();
    expect(a.uniform()).toBe(b.uniform());
    expect(a.fork("x").uniform()).not.toBe(a.fork("y").uniform());
  });

  it("is uniform (chi-square over 64 bins, 64,000 draws)", () => {
    const random = new Random("uniform");
    const bins = new Array<number>(64).fill(0);
    for (let i = 0; i < 64_000; i++) bins[Math.floor(random.uniform() * 64)]!++;
    const chi = bins.reduce((sum, n) => sum + (n - 1000) ** 2 / 1000, 0);
    expect(chi).toBeGreaterThan(30);
    expect(chi).toBeLessThan(110);
  });

  it("is normal in its first four moments", () => {
    const random = new Random("normal");
    const values = Array.from({ length: 50_000 }, () => random.normal());
    const moment = (k: number) => values.reduce((sum, x) => sum + x ** k, 0) / values.length;
    expect([moment(1), moment(2), moment(3), moment(4)].map((m) => Math.abs(Math.round(m * 5) / 5))).toEqual([0, 1, 0, 3]);
  });

  it("shuffles to a permutation and leaves its input alone", () => {
    fc.assert(
      fc.property(fc.array(fc.integer()), fc.integer(), (items, seed) => {
        const copy = [...items];
        const shuffled = new Random(seed).shuffled(items);
        expect(items).toEqual(copy);
        expect([...shuffled].sort((a, b) => a - b)).toEqual(copy.sort((a, b) => a - b));
      }),
    );
  });

  it("draws by weight and never what has none", () => {
    const random = new Random(3);
    const counts = [0, 0, 0];
    for (let i = 0; i < 9000; i++) counts[random.weighted([1, 0, 2])]!++;
    expect(counts[1]).toBe(0);
    expect(counts[2]! / counts[0]!).toBeCloseTo(2, 0);
    expect(() => random.weighted([0, 0])).toThrow("Random.weighted: expected weights with a positive sum, got 0");
  });
});

it("hash32 spreads similar texts", () => {
  expect(new Set(Array.from({ length: 5000 }, (_, i) => hash32(`item ${i}`))).size).toBe(5000);
});
