import { describe, expect, it } from "vitest";
import { type ScheduleOptions, schedule } from "../../src/optim/schedule.js";
import { distance, reference } from "../formula.js";

type Case = { kind: NonNullable<ScheduleOptions["kind"]>; steps: number; warmupSteps: number; rates: number[] };
const { schedules } = reference<{ schedules: Case[] }>("optim.json");

it("has transformers' schedules of four kinds", () => expect(schedules).toHaveLength(4));

describe.each(schedules)("$kind with $warmupSteps steps of warm-up", ({ kind, steps, warmupSteps, rates }) => {
  it("has transformers' learning rates", () => {
    const rate = schedule({ kind, steps, warmupSteps, learningRate: 0.3 });
    expect(
      distance(
        rates.map((_, i) => rate(i + 1)),
        rates,
      ),
    ).toBeLessThan(1e-12);
  });
});

it("refuses counts that are none", () => {
  expect(() => schedule({ learningRate: 1, steps: 0 })).toThrow("steps: expected a whole number, at least 1, got 0");
  expect(() => schedule({ learningRate: Number.NaN, steps: 1 })).toThrow("learningRate: expected a number, at least 0");
  expect(() => schedule({ learningRate: 1, steps: 5, warmupSteps: 1.5 })).toThrow(
    "warmupSteps: expected a whole number, at least 0, got 1.5",
  );
});
