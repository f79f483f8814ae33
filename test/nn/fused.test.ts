import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compile } from "../../src/core/compile/compile.js";
import { Random } from "../../src/core/random.js";
import { type Tensor, type Tensor1D, type Tensor2D, type Tensor4D, tf } from "../../src/core/tf.js";
import { tokenLogProbs } from "../../src/losses/token-log-probs.js";
import { activation, gated } from "../../src/nn/activation.js";
import { attention } from "../../src/nn/attention.js";
import { fused, hasOwnOperations } from "../../src/nn/fused.js";
import { layerNorm, rmsNorm } from "../../src/nn/norm.js";
import { rotaryOptions, rotaryTables, rotate } from "../../src/nn/rotary.js";
import { formulaTensor, taken } from "../formula.js";
import { withGradients } from "./plain-forms.js";
import { plainly } from "./plainly.js";

/** `weights`: two, of `[size]`. `least`: below that size gradients are nothing but what rounding leaves. */
type Form = { name: string; inputs: number; least?: number; form: (inputs: Tensor[], weights: Tensor1D[]) => Tensor };

const weightsOf = (size: number): Tensor1D[] => ["gamma.weight", "beta"].map((name) => formulaTensor(name, [size]) as Tensor1D);

const forms: Form[] = [
  { name: "layer norm", inputs: 1, least: 5, form: ([x], [gamma, beta]) => layerNorm(x!, gamma!, beta!, 1e-5) },
  { name: "RMS norm", inputs: 1, least: 5, form: ([x], [gamma]) => rmsNorm(x!, gamma!, 1e-6) },
  ...["gelu_new", "gelu", "silu"].flatMap((name) => [
    { name, inputs: 1, form: ([x]: Tensor[]) => activation(name)(x!) },
    { name: `a gate of ${name}`, inputs: 2, form: ([gate, up]: Tensor[]) => gated(name)(gate!, up!) },
  ]),
];

/** Each number against the plain form's, to 1e-5 of that tensor's largest and of its own size; what is no finite number must be the same. */
function expectSame(found: Record<string, Tensor>, wanted: Record<string, Tensor>): void {
  expect(Object.keys(found)).toEqual(Object.keys(wanted));
  for (const [name, tensor] of Object.entries(wanted)) {
    expect(found[name]!.shape).toEqual(tensor.shape);
    const [values, ours] = [tensor, found[name]!].map((one) => one.dataSync() as Float32Array) as [Float32Array, Float32Array];
    const largest = values.reduce((most, value) => (Number.isFinite(value) ? Math.max(most, Math.abs(value)) : most), 1e-6);
    values.forEach((value, i) => {
      if (!Number.isFinite(value)) expect(ours[i], `${name}[${i}]`).toBe(value);
      else if (!(Math.abs(ours[i]! - value) <= 1e-5 * largest)) expect(ours[i], `${name}[${i}]`).toBe(value);
    });
  }
}

/** Values and gradients with the own operations, and without; nothing is left behind. */
function expectPlain(form: (inputs: Tensor[]) => Tensor, inputs: Tensor[]): void {
  const before = tf.memory().numTensors;
  tf.tidy(() => {
    const dy = formulaTensor("dy", form(inputs).shape);
    const ours = withGradients(form, inputs, [], dy);
    expectSame(
      ours,
      plainly(() => withGradients(form, inputs, [], dy)),
    );
  });
  expect(tf.memory().numTensors).toBe(before);
}

const shapes = fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 0, maxLength: 2 });
const sizes = fc.oneof(fc.integer({ min: 0, max: 70 }), fc.constantFrom(128, 768, 1001));

function randomTensor(shape: number[], size: number, seed: number): Tensor {
  const random = new Random(`fused/${seed}`);
  const count = shape.reduce((a, b) => a * b, 1);
  return tf.tensor(
    Float32Array.from({ length: count }, () => random.normal() * size),
    shape,
  );
}

describe.skipIf(!hasOwnOperations())("the addon's own operations", () => {
  it.each(forms)("$name equals its plain form for random shapes and sizes of numbers", ({ inputs, least = 1, form }) => {
    fc.assert(
      fc.property(shapes, sizes, fc.constantFrom(1e-3, 1, 30), fc.nat(), (shape, extra, magnitude, seed) => {
        const size = least + extra;
        const given = Array.from({ length: inputs }, (_, i) => randomTensor([...shape, size], magnitude, seed + i));
        const weights = weightsOf(size);
        expectPlain((tensors) => form(tensors, weights), given);
        tf.dispose([given, weights]);
      }),
      { numRuns: 25, seed: 7 },
    );
  });

  it.each(forms)("$name of extreme numbers is its plain form's", ({ inputs, form }) => {
    const numbers = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1e4, -1e4, 90, -90, 0, -0, 1e-30];
    const rows = numbers.map((number) => [number, 1, -2, 0.5, 3, 0, 0.1, -0.7, 2]);
    const given = Array.from({ length: inputs }, (_, i) => (i === 0 ? tf.tensor2d(rows) : formulaTensor("up", [rows.length, 9])));
    const weights = weightsOf(9);
    expectPlain((tensors) => form(tensors, weights), given);
    tf.dispose([given, weights]);
  });

  it.each(forms)("$name of a row is the same in a large batch, on whatever thread", ({ inputs, form }) => {
    const given = Array.from({ length: inputs }, (_, i) => formulaTensor(`input ${i}`, [999, 131]));
    const weights = weightsOf(131);
    const all = taken(tf.tidy(() => form(given, weights)));
    for (const row of [0, 1, 500, 998]) {
      const one = taken(
        tf.tidy(() =>
          form(
            given.map((tensor) => tensor.slice([row, 0], [1, 131])),
            weights,
          ),
        ),
      );
      expect(one).toEqual(all.slice(row * 131, (row + 1) * 131));
    }
    tf.dispose([given, weights]);
  });

  it.each(forms)("$name, compiled, leaves alone what others still need", ({ inputs, form }) => {
    const given = Array.from({ length: inputs }, (_, i) => formulaTensor(`input ${i}`, [40, 33]));
    const wanted = tf.tidy(() => given.map((tensor) => tf.mul(tensor, 2).dataSync()));
    const weights = weightsOf(33);
    const compiled = compile("twice", (...args) => {
      const doubled = args.map((arg) => tf.mul(arg, 2));
      const y = form(doubled, weights);
      return { y, again: form(doubled, weights), ...Object.fromEntries(doubled.map((tensor, i) => [`input ${i}`, tensor])) };
    });
    const { y, again, ...doubled } = compiled(...given) as Record<string, Tensor>;
    expect(compiled.fallback).toBe("");
    expect(again!.dataSync()).toEqual(y!.dataSync());
    expect(Object.values(doubled).map((tensor) => tensor.dataSync())).toEqual(wanted);
    compiled.dispose();
    tf.dispose([y!, again!, doubled, given, weights]);
  });

  it.each(["f16", "bf16"] as const)("in a function of %s they compute in f32", (precision) => {
    const [weights, identity] = [weightsOf(32), tf.eye(32)];
    for (const { inputs, form } of forms) {
      const given = Array.from({ length: inputs }, (_, i) => formulaTensor(`input ${i}`, [6, 32]));
      const mixed = (...args: Tensor[]) => ({
        y: form(
          args.map((arg) => tf.matMul(arg, identity)),
          weights,
        ),
      });
      const compiled = compile("mixed", mixed, { precision });
      const [found, wanted] = [taken(compiled(...given).y!), taken(tf.tidy(() => form(given, weights)))];
      expect(compiled.fallback).toBe("");
      wanted.forEach((value, i) => {
        expect(Math.abs(found[i]! - value)).toBeLessThan(0.03);
      });
      compiled.dispose();
      tf.dispose(given);
    }
    tf.dispose([weights, identity]);
  });
});

describe.skipIf(!hasOwnOperations())("products and rotations of the addon's own operations", () => {
  const dimensions = fc.integer({ min: 1, max: 70 });

  it("add a product of low rank, in whatever place", () => {
    fc.assert(
      fc.property(dimensions, fc.integer({ min: 1, max: 20 }), dimensions, (rows, rank, size) => {
        tf.tidy(() => {
          const [y, low, m] = [
            [rows, size],
            [rows, rank],
            [rank, size],
          ].map((shape, i) => formulaTensor(`input ${i}`, shape)) as [Tensor2D, Tensor2D, Tensor2D];
          expectSame({ sum: fused("AddLowRank", [y, low, m])[0] }, { sum: tf.add(y, tf.matMul(low, m)) });
          const one = fused(
            "AddLowRank",
            [y, low, m].map((tensor, i) => (i === 2 ? tensor : tensor.slice([rows - 1, 0], [1, -1]))),
          )[0];
          const all = fused("AddLowRank", [y, low, m])[0];
          expect(one.dataSync()).toEqual(all.slice([rows - 1, 0], [1, -1]).dataSync());
        });
      }),
      { numRuns: 40, seed: 7 },
    );
    expect(() => tf.tidy(() => fused("AddLowRank", [tf.ones([2, 3]), tf.ones([2, 4]), tf.ones([3, 3])]))).toThrow("are not of");
  });

  it("turn positions as the plain form does", () => {
    fc.assert(
      fc.property(dimensions, fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 3 }), (time, half, batch) => {
        const options = rotaryOptions({ rope_theta: 100 }, 2 * half);
        const tables = rotaryTables(options, { values: Int32Array.from({ length: batch * time }, (_, i) => i % 99), batch, time });
        const x = formulaTensor("x", [batch, 3, time, 2 * half]);
        expectPlain(([x]) => rotate(x as Tensor4D, tables), [x]);
        tf.dispose([x, ...Object.values(tables)]);
      }),
      { numRuns: 25, seed: 7 },
    );
  });
});

describe.skipIf(!hasOwnOperations())("attention with the addon's own operations", () => {
  const heads = (name: string, time: number, headDim: number) => formulaTensor(name, [2, 3, time, headDim]) as Tensor4D;

  it("equals its plain form for random shapes, masks of −1e9 and −∞, and rows that may see nothing", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 0, max: 30 }),
        fc.integer({ min: 1, max: 9 }),
        fc.constantFrom(-1e9, Number.NEGATIVE_INFINITY),
        fc.constantFrom(1, 100),
        (queries, earlier, headDim, forbidden, size) => {
          const keys = queries + earlier;
          const random = new Random(`mask/${queries}/${keys}`);
          const whole = Float32Array.from({ length: 2 * queries * keys }, () => (random.uniform() < 0.4 ? forbidden : 0));
          if (forbidden === -1e9) whole.fill(forbidden, 0, keys);
          else for (let i = 0; i < whole.length; i += keys) whole[i] = 0;
          const mask = tf.tensor4d(whole, [2, 1, queries, keys]);
          const inputs = [heads("query", queries, headDim).mul(size), heads("key", keys, headDim), heads("value", keys, headDim)];
          expectPlain(([q, k, v]) => attention(q as Tensor4D, k as Tensor4D, v as Tensor4D, mask, 0.4), inputs);
          tf.dispose([mask, inputs]);
        },
      ),
      { numRuns: 25, seed: 7 },
    );
  });

  it("refuses a mask that does not cover the scores", () => {
    const [scores, mask] = [tf.ones([2, 1, 3, 4]), tf.zeros([2, 1, 3, 3])];
    const of = (from: number) => () => tf.tidy(() => fused("MaskedSoftmax", [scores, mask, tf.scalar(from, "int32"), tf.scalar(1)]));
    expect(of(0)).toThrow("the mask does not cover the scores");
    expect(of(-1)).toThrow("the mask does not cover the scores");
    tf.dispose([scores, mask]);
  });
});

describe.skipIf(!hasOwnOperations())("the cross-entropy of the addon's own operations", () => {
  const logProbs = (size: number, vocab: number, rows: number, trained: boolean) => {
    const inputs = [formulaTensor("hidden", [rows, 3]).mul(size), formulaTensor("head", [vocab, 3])];
    const labels = tf.tensor1d(
      Int32Array.from({ length: rows }, (_, i) => (i * 7) % vocab),
      "int32",
    );
    const form = ([hidden, head]: Tensor[]) => tokenLogProbs(hidden as Tensor2D, (head ?? inputs[1]) as Tensor2D, labels, { chunk: 4 });
    if (!trained) expectPlain(form, inputs.slice(0, 1));
    else {
      const head = tf.variable(inputs[1]!);
      const gradient = () => tf.tidy(() => tf.variableGrads(() => tf.sum(form([inputs[0]!, head])), [head]).grads[head.name]!);
      const [ours, plain] = [gradient(), plainly(gradient)];
      expectSame({ gradient: ours }, { gradient: plain });
      tf.dispose([ours, plain, head]);
    }
    tf.dispose([inputs, labels]);
  };

  it.each([false, true])("equals its plain form for random sizes, large logits among them (trained head: %s)", (trained) => {
    fc.assert(
      fc.property(fc.constantFrom(0.1, 10, 1e4), fc.integer({ min: 1, max: 150 }), fc.integer({ min: 1, max: 9 }), (size, vocab, rows) => {
        logProbs(size, vocab, rows, trained);
      }),
      { numRuns: 40, seed: 7 },
    );
  });

  it("passes on what is not finite, row by row, and refuses labels outside the vocabulary", () => {
    const rows = [
      [1, 2, 3],
      [Number.NaN, 2, 3],
      [Number.POSITIVE_INFINITY, 2, 3],
      [Number.NEGATIVE_INFINITY, 2, 3],
      [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY],
    ];
    tf.tidy(() => {
      const logits = tf.tensor2d(rows);
      const labels = tf.tensor1d([2, 1, 1, 1, 0], "int32");
      const [loss, slope] = fused<[Tensor, Tensor]>("CrossEntropySlope", [logits, labels, tf.ones([5])], 2);
      expect(Array.from(loss.dataSync(), Number.isNaN)).toEqual([false, true, true, false, true]);
      expect(loss.dataSync()[3]).toBeCloseTo(Math.log(1 + Math.E), 5);
      expect(Array.from(slope.dataSync().slice(9, 12))).toEqual([0, expect.closeTo(-0.7310586, 6), expect.closeTo(0.7310586, 6)]);
      expect(fused("CrossEntropy", [logits, labels])[0].dataSync()).toEqual(loss.dataSync());
      for (const label of [-1, 3])
        expect(() => fused("CrossEntropy", [tf.ones([1, 3]), tf.tensor1d([label], "int32")])).toThrow(
          "a label is not a number of the vocabulary",
        );
      expect(() => fused("CrossEntropy", [tf.ones([2, 3]), labels])).toThrow("do not have the same number of rows");
    });
  });

  it("takes no rows and sizes that do not fit for what they are", () => {
    tf.tidy(() => {
      const none = fused<[Tensor, Tensor]>("CrossEntropySlope", [tf.ones([0, 5]), tf.tensor1d([], "int32"), tf.ones([0])], 2);
      expect(none.map(({ shape }) => shape)).toEqual([[0], [0, 5]]);
      expect(() => fused("LayerNorm", [tf.ones([2, 3]), tf.ones([4]), tf.ones([3]), tf.scalar(1)])).toThrow("not of x's last size");
      expect(() => fused("GeluTanhGradient", [tf.ones([2, 3]), tf.ones([3, 2])])).toThrow("not of one shape");
    });
  });
});
