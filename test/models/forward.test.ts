import { describe, expect, it } from "vitest";
import { tf } from "../../src/core/tf.js";
import { disposeModel } from "../../src/models/create.js";
import { type Inputs, inputsOf, logitsOf, padRows } from "../../src/models/forward.js";
import { parameterCount } from "../../src/models/shapes.js";
import { at, distance, formulaModel, leaked, reference, taken, tinyGpt2, tinyLlama } from "../formula.js";

type Case = { name: string; config: Record<string, unknown>; parameters: number; last: number[][]; norms: number[] };
const { rows, cases } = reference<{ rows: number[][]; cases: Case[] }>("models.json");
const VOCAB = 61;

it("has values of transformers for sixteen configs", () => expect(cases).toHaveLength(16));

describe.each(cases)("$name", ({ config, parameters, last, norms }) => {
  it("gives transformers' logits, padded on either side", async () => {
    const model = await formulaModel(config);
    expect(parameterCount(model.type, model.config)).toBe(parameters);
    for (const side of ["left", "right"] as const) {
      const inputs = padRows(rows, { padId: 0, side });
      const logits = taken(logitsOf(model, inputs));
      rows.forEach((row, r) => {
        const start = side === "left" ? inputs.time - row.length : 0;
        expect(distance(at(logits, inputs, VOCAB, r, start + row.length - 1), last[r]!)).toBeLessThan(1e-4);
        const own = row.flatMap((_, i) => Array.from(at(logits, inputs, VOCAB, r, start + i)));
        expect(Math.abs(Math.hypot(...own) - norms[r]!)).toBeLessThan(1e-4);
      });
    }
    disposeModel(model);
  });

  it("gives packed rows the logits of rows alone", async () => {
    const model = await formulaModel(config);
    const packed = packedInputs(rows, 30);
    const together = taken(logitsOf(model, packed));
    let start = 0;
    for (const row of rows) {
      const alone = taken(logitsOf(model, inputsOf([row])));
      expect(distance(together.subarray(start * VOCAB, (start + row.length) * VOCAB), alone)).toBeLessThan(1e-5);
      start += row.length;
    }
    disposeModel(model);
  });
});

/** All rows one after the other in one row, with padding behind them. */
function packedInputs(parts: number[][], time: number): Inputs {
  const padding = new Array<number>(time - parts.flat().length).fill(0);
  return {
    batch: 1,
    time,
    ids: Int32Array.from([...parts.flat(), ...padding]),
    segments: Int32Array.from([...parts.flatMap((row, i) => row.map(() => i + 1)), ...padding]),
    positions: Int32Array.from([...parts.flatMap((row) => row.map((_, i) => i)), ...padding]),
  };
}

describe("inputs", () => {
  it("are refused where a token or a position is beyond the model", async () => {
    const model = await formulaModel(tinyGpt2);
    const before = tf.memory().numTensors;
    expect(() => logitsOf(model, inputsOf([[1, 61]]))).toThrow("inputs.ids: expected token ids from 0 to 60, got 61");
    expect(() => logitsOf(model, inputsOf([new Array<number>(33).fill(1)]))).toThrow("inputs: expected at most 32 tokens in a sequence");
    expect(() => logitsOf(model, { ...inputsOf([[1, 2]]), positions: new Int32Array(3) })).toThrow(
      "inputs.positions: expected 1 x 2 numbers, got 3",
    );
    expect(() => inputsOf([[1, 2], [3]])).toThrow("inputsOf: expected rows of one length");
    expect(() => inputsOf([])).toThrow("inputsOf: expected rows of one length");
    expect(tf.memory().numTensors).toBe(before);
    disposeModel(model);
  });

  it("leave no tensor behind but the logits", async () => {
    for (const config of [tinyGpt2, tinyLlama]) {
      expect(
        await leaked(async () => {
          const model = await formulaModel(config);
          logitsOf(model, padRows([[1, 2, 3], [4]], { padId: 0, side: "left" })).dispose();
          disposeModel(model);
        }),
      ).toBe(0);
    }
  });
});
