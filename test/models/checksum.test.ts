import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type Tensor, tf } from "../../src/core/tf.js";
import { adapterChecksum, weightsChecksum } from "../../src/models/checksum.js";
import { disposeModel } from "../../src/models/create.js";
import { loadModel } from "../../src/models/load.js";
import { disposeAdapter, unfreeze } from "../../src/models/lora.js";
import type { CausalLM } from "../../src/models/model.js";
import { saveModel } from "../../src/models/save.js";
import { quantize, tensorsOf } from "../../src/nn/quantized.js";
import { formulaLora, formulaModel, leaked, tinyGpt2 } from "../formula.js";
import { temporaryFolder } from "../temporary-folder.js";

let model: CausalLM;
beforeAll(async () => {
  model = await formulaModel(tinyGpt2);
});
afterAll(() => disposeModel(model));

/** A copy of `tensor` whose value number `at` is the next float up. */
function nudged(tensor: Tensor, at: number): Tensor {
  const values = Float32Array.from(tensor.dataSync());
  new Int32Array(values.buffer)[at]! += 1;
  return tf.tensor(values, tensor.shape);
}

it("changes with the last bit of any value of any weight, and is the same for the same values", async () => {
  const first = await weightsChecksum(model);
  expect(first).toMatch(/^[0-9a-f]{16}$/);
  const seen = new Set([first]);
  for (const [name, weight] of model.weights) {
    for (const at of [0, Math.floor(weight.size / 2), weight.size - 1]) {
      const other = nudged(weight, at);
      seen.add(await weightsChecksum({ ...model, weights: new Map([...model.weights, [name, other]]) }));
      other.dispose();
    }
  }
  expect(seen.size).toBe(1 + 3 * model.weights.size);
  const copies = new Map([...model.weights].reverse().map(([name, weight]) => [name, tf.tensor(weight.dataSync(), weight.shape)]));
  expect(await weightsChecksum({ ...model, weights: copies })).toBe(first);
  tf.dispose([...copies.values()]);
});

it("changes with names, shapes and the configuration", async () => {
  const [[name, weight], ...others] = [...model.weights] as [[string, Tensor], ...[string, Tensor][]];
  const reshaped = weight.reshape([1, -1]);
  const sums = [
    await weightsChecksum(model),
    await weightsChecksum({ ...model, weights: new Map([["other", weight], ...others]) }),
    await weightsChecksum({ ...model, weights: new Map([[name, reshaped], ...others]) }),
    await weightsChecksum({ ...model, config: { ...model.config, normEpsilon: 0.5 } }),
  ];
  expect(new Set(sums).size).toBe(4);
  reshaped.dispose();
});

it("sees what training changes, and a model that was saved and loaded as the same", async () => {
  const trained = unfreeze(model);
  const before = await weightsChecksum(trained);
  expect(before).toBe(await weightsChecksum(model));
  const variable = [...trained.weights.values()][3] as tf.Variable;
  tf.tidy(() => variable.assign(nudged(variable, variable.size - 1)));
  expect(await weightsChecksum(trained)).not.toBe(before);
  disposeModel(trained);

  const folder = join(temporaryFolder(), "saved");
  mkdirSync(folder);
  await saveModel(model, folder);
  const loaded = await loadModel(folder);
  expect(await weightsChecksum(loaded)).toBe(before);
  disposeModel(loaded);
});

it("sees every value of an adapter", async () => {
  const adapted = formulaLora(model, { rank: 2 });
  const first = await adapterChecksum(adapted.adapter);
  const { b } = [...adapted.adapter!.modules.values()].at(-1)!;
  const last = nudged(b, b.size - 1);
  const modules = new Map(
    [...adapted.adapter!.modules].map(([name, pair]) => [name, pair.b === b ? { ...pair, b: last as typeof b } : pair]),
  );
  expect(await adapterChecksum({ ...adapted.adapter!, modules })).not.toBe(first);
  expect(await adapterChecksum(null)).toBeNull();
  last.dispose();
  disposeAdapter(adapted.adapter!);
});

it("tells precisions apart and sees quantised values", async () => {
  const name = [...model.weights].find(([, { shape }]) => shape.length === 2 && shape[0]! * shape[1]! >= 64)![0];
  const weight = model.weights.get(name)!;
  const others = new Map([...model.weights].filter(([other]) => other !== name));
  const shape = weight.shape as [number, number];
  const values = Float32Array.from(weight.dataSync());
  const sums = [await weightsChecksum(model)];
  for (const kind of ["nf4", "int8"] as const) {
    for (const sign of [1, -1]) {
      const packed = quantize(
        values.map((value) => sign * value),
        shape,
        kind,
        "rows",
      );
      sums.push(await weightsChecksum({ ...model, weights: others, quantized: new Map([[name, packed]]) }));
      tf.dispose(tensorsOf(packed));
    }
  }
  expect(new Set(sums).size).toBe(5);
});

it("leaves no tensor behind", async () => {
  expect(await leaked(() => weightsChecksum(model))).toBe(0);
});
