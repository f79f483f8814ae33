import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Tensor4D, tf } from "../../src/core/tf.js";
import { inverseFrequencies, rotaryOptions, rotaryTables, rotate } from "../../src/nn/rotary.js";
import { expectTrueGradient } from "../finite-differences.js";
import { distance, formulaTensor } from "../formula.js";

beforeEach(() => tf.engine().startScope());
afterEach(() => tf.engine().endScope());

const options = rotaryOptions({ rope_theta: 100 }, 6);
const tables = (...positions: number[]) => rotaryTables(options, { values: Int32Array.from(positions), batch: 1, time: positions.length });

describe("rotate", () => {
  it("has the gradient of finite differences, also at position 500", () => {
    const turned = tables(0, 3, 500);
    expectTrueGradient((x) => rotate(x as Tensor4D, turned), [formulaTensor("x", [1, 2, 3, 6])]);
  });

  it("leaves position 0 and every length as they are", () => {
    const x = formulaTensor("x", [1, 2, 3, 6]) as Tensor4D;
    const turned = rotate(x, tables(0, 7, 11));
    expect(distance(turned.slice([0, 0, 0, 0], [1, 2, 1, 6]).dataSync(), x.slice([0, 0, 0, 0], [1, 2, 1, 6]).dataSync())).toBe(0);
    expect(distance(tf.norm(turned, 2, -1).dataSync(), tf.norm(x, 2, -1).dataSync())).toBeLessThan(1e-6);
  });

  it("makes products depend on the distance of positions alone", () => {
    const [q, k] = [formulaTensor("q", [1, 1, 1, 6]) as Tensor4D, formulaTensor("k", [1, 1, 1, 6]) as Tensor4D];
    const product = (a: number, b: number) => tf.sum(tf.mul(rotate(q, tables(a)), rotate(k, tables(b)))).dataSync()[0]!;
    expect(product(5, 3)).toBeCloseTo(product(105, 103), 5);
    expect(Math.abs(product(5, 3) - product(3, 5))).toBeGreaterThan(1e-3);
  });
});

describe("rotary settings", () => {
  it("halve the angles under a linear factor of 2, and read both spellings alike", () => {
    const old = rotaryOptions({ rope_theta: 100, rope_scaling: { type: "linear", factor: 2 } }, 6);
    expect(rotaryOptions({ rope_parameters: { rope_theta: 100, rope_type: "linear", factor: 2 } }, 6)).toEqual(old);
    expect(
      distance(
        inverseFrequencies(old),
        inverseFrequencies(options).map((frequency) => frequency / 2),
      ),
    ).toBe(0);
  });

  it("are refused where the kind is not known or a number is missing", () => {
    expect(() => rotaryOptions({ rope_scaling: { rope_type: "yarn", factor: 4 } }, 8)).toThrow(
      'config.json rope scaling: expected "default", "linear" or "llama3", got "yarn"',
    );
    expect(() => rotaryOptions({ rope_scaling: { rope_type: "llama3", factor: 4 } }, 8)).toThrow(
      "config.json rope scaling low_freq_factor: expected a number",
    );
    expect(() => rotaryOptions({ rope_scaling: { type: "linear" } }, 8)).toThrow("config.json rope scaling factor: expected a number");
  });

  it("are refused where a head cannot be halved", () => {
    expect(() => rotaryOptions({}, 7)).toThrow("config.json: expected an even head size for rotary positions, got 7");
  });
});
