import { expect, it } from "vitest";
import { lossDifference, tokenDifference, vectorDifference } from "../../bench/agreement.mjs";
import { CASES } from "../../bench/cases.mjs";
import { spread, summary } from "../../bench/report.mjs";

const said = (speed: number, peakBytes: number, results: Record<string, unknown> = { losses: [2, 1] }) => ({
  speed,
  peakBytes,
  results,
  chosen: {},
  tried: {},
  figures: { fractionOfMatmul: speed / 100 },
  versions: {},
});
const sides = ["peer", "peer, packing", "ours"].map((name) => ({ name }));
const given = {
  unit: "tokens/s",
  sides,
  tolerance: { losses: 1e-3 },
  goals: { peer: { ratio: 2, memoryRatio: 0.5 }, fractionOfMatmul: 0.5 },
};

it("the cases stand in the order of the goals' table", () => {
  const order = "step-gpt2-f32 step-gpt2-bf16 step-llama135m sft-mix dpo decode-1 decode-16 embed start";
  expect(Object.keys(CASES)).toEqual(order.split(" "));
});

it("the spread of an even and an odd number of values", () => {
  expect(spread([4, 1, 3])).toEqual({ median: 3, min: 1, max: 4 });
  expect(spread([10, 1, 3, 4])).toEqual({ median: 3.5, min: 1, max: 10 });
});

it("ratios are of medians, and against each peer", () => {
  const runs = { peer: [said(10, 100), said(30, 120)], "peer, packing": [said(40, 50), said(40, 50)], ours: [said(50, 44), said(30, 44)] };
  const result = summary(given, runs);
  expect(result.peer!.speed).toEqual({ unit: "tokens/s", median: 20, min: 10, max: 30 });
  expect([result.ratio, result.memoryRatio]).toEqual([2, 0.4]);
  expect((result.others as Record<string, unknown>)["peer, packing"]).toMatchObject({ ratio: 1, memoryRatio: 0.88 });
  expect(result.goals.map(({ met }) => met)).toEqual([true, true, false]);
});

it("in seconds a smaller ratio meets the goal", () => {
  const started = { ...given, unit: "s", goals: { peer: { ratio: 0.5 } } };
  const runs = { peer: [said(10, 1)], "peer, packing": [said(10, 1)], ours: [said(6, 1)] };
  expect(summary(started, runs).goals).toEqual([{ goal: "ratio to peer <= 0.5", found: 0.6, met: false }]);
});

it("one side that differs in one round is found", () => {
  const runs = { peer: [said(1, 1)], "peer, packing": [said(1, 1)], ours: [said(1, 1), said(1, 1, { losses: [2, 1.01] })] };
  const [losses] = summary(given, runs).agreement;
  expect(losses).toMatchObject({ what: "losses", agrees: false, side: "ours" });
  expect(losses!.difference).toBeCloseTo(0.01, 10);
});

it("a loss that is no number never agrees", () => {
  const runs = { peer: [said(1, 1)], "peer, packing": [said(1, 1)], ours: [said(1, 1, { losses: [Number.NaN] })] };
  expect(summary(given, runs).agreement[0]!.agrees).toBe(false);
});

it("a precision without effect is reported as not supported", () => {
  const runs = { peer: [said(1, 1)], "peer, packing": [said(1, 1)], ours: [said(1, 1)], "ours, f32": [said(1, 1, { losses: [2] })] };
  expect(summary(given, runs)).toMatchObject({ ours: null, ratio: null, notSupported: expect.stringContaining("no effect") });
  const thrown = { ...runs, ours: [{ unsupported: "precision bf16: no" }] };
  expect(summary(given, thrown).notSupported).toBe("precision bf16: no");
});

it("losses compare over common steps, vectors by their size, tokens one by one", () => {
  expect(lossDifference([2, 1.1, 7], [2, 1])).toBeCloseTo(0.1, 12);
  expect(vectorDifference([3, 4.5], [3, 4])).toBeCloseTo(0.5 / Math.sqrt(12.5), 12);
  expect(vectorDifference([1], [1, 2])).toBe(Number.POSITIVE_INFINITY);
  expect(tokenDifference([[1, 2, 3], [4]], [[1, 9, 3]])).toBe(2);
});
