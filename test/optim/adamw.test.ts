import { describe, expect, it } from "vitest";
import { type Tensor, tf, type Variable } from "../../src/core/tf.js";
import { AdamW, type AdamWState } from "../../src/optim/adamw.js";
import { clipFactor, globalNorm } from "../../src/optim/clip.js";
import { distance, formulaTensor, leaked, reference } from "../formula.js";

type Trace = { rate: number; norm: number; matrix: number[]; vector: number[] };
type Case = { name: string; weightDecay: number; maxNorm: number | null; trace: Trace[] };
const { adamw: cases } = reference<{ adamw: Case[] }>("optim.json");
const SHAPES: [string, number[]][] = [
  ["matrix", [3, 4]],
  ["vector", [4]],
];

const parameters = () =>
  new Map(SHAPES.map(([name, shape]) => [name, tf.tidy(() => tf.variable(formulaTensor(`adamw ${name}`, shape))) as Variable]));
/** The gradients of a step, as sums over `count`. */
const gradients = (step: number, count = 1): Map<string, Tensor> =>
  new Map(SHAPES.map(([name, shape]) => [name, tf.tidy(() => tf.mul(formulaTensor(`gradient ${name} ${step}`, shape), 10 * count))]));

describe.each(cases)("AdamW: $name", ({ weightDecay, maxNorm, trace }) => {
  it.each([1, 7])("goes torch's way for ten steps, from gradients that are sums over %s", async (count) => {
    expect(trace).toHaveLength(10);
    const moving = parameters();
    const optimizer = new AdamW({ weightDecay });
    for (const [i, wanted] of trace.entries()) {
      const sums = gradients(i, count);
      const norm = (await globalNorm(sums.values())) / count;
      if (maxNorm !== null) expect(norm).toBeCloseTo(wanted.norm, 4);
      optimizer.update(moving, sums, { step: i + 1, learningRate: wanted.rate, scale: clipFactor(norm, maxNorm) / count });
      tf.dispose([...sums.values()]);
      for (const name of ["matrix", "vector"] as const) expect(distance(moving.get(name)!.dataSync(), wanted[name])).toBeLessThan(1e-6);
    }
    optimizer.dispose();
    tf.dispose([...moving.values()]);
  });
});

describe("AdamW", () => {
  it("goes on bit for bit from a saved state", () => {
    const [straight, stopped] = [parameters(), parameters()];
    const [first, second, third] = [new AdamW(), new AdamW(), new AdamW()];
    const step = (optimizer: AdamW, moving: Map<string, Variable>, i: number) => {
      const given = gradients(i);
      optimizer.update(moving, given, { step: i + 1, learningRate: 0.01, scale: 1 });
      tf.dispose([...given.values()]);
    };
    for (let i = 0; i < 4; i++) step(first, straight, i);
    for (let i = 0; i < 2; i++) step(second, stopped, i);
    third.restore(
      new Map([...second.state()].map(([name, value]) => [name, { shape: value.shape, values: value.dataSync() as Float32Array }])),
    );
    for (let i = 2; i < 4; i++) step(third, stopped, i);
    for (const [name, value] of straight) expect(distance(stopped.get(name)!.dataSync(), value.dataSync())).toBe(0);
    for (const optimizer of [first, second, third]) optimizer.dispose();
    tf.dispose([...straight.values(), ...stopped.values()]);
  });

  it("owns its moments until it is disposed, and nothing else", async () => {
    const moving = parameters();
    const lost = await leaked(() => {
      const optimizer = new AdamW({ weightDecay: 0.1 });
      const given = gradients(0);
      optimizer.update(moving, given, { step: 1, learningRate: 0.01, scale: 1 });
      tf.dispose([...given.values()]);
      const state: AdamWState = optimizer.state();
      expect([...state.keys()]).toEqual(["matrix.exp_avg", "vector.exp_avg", "matrix.exp_avg_sq", "vector.exp_avg_sq"]);
      optimizer.dispose();
    });
    expect(lost).toBe(0);
    tf.dispose([...moving.values()]);
  });

  it("leaves a parameter without a gradient alone", () => {
    const moving = parameters();
    const before = moving.get("vector")!.dataSync().slice();
    const optimizer = new AdamW();
    const given = gradients(0);
    optimizer.update(moving, new Map([["matrix", given.get("matrix")!]]), { step: 1, learningRate: 0.01, scale: 1 });
    expect(distance(moving.get("vector")!.dataSync(), before)).toBe(0);
    optimizer.dispose();
    tf.dispose([...moving.values(), ...given.values()]);
  });

  it("refuses settings out of range and states of other makers", () => {
    expect(() => new AdamW({ beta1: 1 })).toThrow("AdamW beta1: expected a number from 0 to");
    expect(() => new AdamW({ weightDecay: -1 })).toThrow("AdamW weightDecay: expected a number, at least 0, got -1");
    expect(() => new AdamW().restore(new Map([["w.momentum", { shape: [1], values: Float32Array.of(0) }]]))).toThrow(
      "optimizer state: expected names ending in .exp_avg",
    );
  });
});
