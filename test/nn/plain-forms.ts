import { describe, expect, it } from "vitest";
import { type Tensor, type Tensor4D, tf } from "../../src/core/tf.js";
import { activation, gated } from "../../src/nn/activation.js";
import { type AttentionOptions, attention, joinHeads, splitHeads, splitProjections } from "../../src/nn/attention.js";
import { attentionMask } from "../../src/nn/attention-mask.js";
import { inverseFrequencies, type RotaryTables, rotaryOptions, rotaryTables, rotate } from "../../src/nn/rotary.js";
import { distance, formulaTensor } from "../formula.js";

/** `fixed` gets no gradient. */
type Form = (inputs: Tensor[], fixed: Tensor[]) => Tensor;
export type Case = { name: string; ours: Form; plain: Form; inputs: () => Tensor[]; fixed?: () => Tensor[] };

const random = (name: string, shape: number[], size = 3): Tensor => formulaTensor(name, shape).mul(size);

/** The values and the gradient by each input, where `dy` is the gradient of what follows. */
export function withGradients(form: Form, inputs: Tensor[], fixed: Tensor[], dy: Tensor): Record<string, Tensor> {
  return tf.tidy(() => {
    const gradients = tf.grads((...given: Tensor[]) => form(given, fixed))(inputs, dy);
    return { values: form(inputs, fixed), ...Object.fromEntries(gradients.map((gradient, i) => [`gradient ${i}`, gradient])) };
  });
}

/** What a case is computed from; the caller's. */
export function given({ inputs, fixed = () => [], plain }: Case): { inputs: Tensor[]; fixed: Tensor[]; dy: Tensor } {
  const [made, others] = [tf.tidy(inputs), tf.tidy(fixed)];
  const shape = tf.tidy(() => plain(made, others).shape);
  return { inputs: made, fixed: others, dy: formulaTensor("dy", shape) };
}

/** Each tensor against the one of its name, to 1e-5 of that one's largest entry. */
export function expectAlike(found: Record<string, Tensor>, wanted: Record<string, Tensor>): void {
  expect(Object.keys(found)).toEqual(Object.keys(wanted));
  for (const [name, tensor] of Object.entries(wanted)) {
    const values = tensor.dataSync() as Float32Array;
    const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    expect(distance(found[name]!.dataSync(), values) / largest, name).toBeLessThan(1e-5);
  }
}

/** Values and gradients of each operation against the same written in plain operations of tfjs, whose own gradients apply. */
export function itEqualsPlainForms(): void {
  describe.each(cases)("$name", (one) => {
    it("has the values and gradients of the plain form, and leaves no tensor behind", () => {
      const { inputs, fixed, dy } = given(one);
      const before = tf.memory().numTensors;
      const found = withGradients(one.ours, inputs, fixed, dy);
      expect(tf.memory().numTensors - before).toBe(inputs.length + 1);
      const wanted = withGradients(one.plain, inputs, fixed, dy);
      expectAlike(found, wanted);
      tf.dispose([found, wanted, inputs, fixed, dy]);
    });
  });
}

const plainActivations: Record<string, (x: Tensor) => Tensor> = {
  gelu_new: (x) =>
    tf.mul(tf.mul(x, 0.5), tf.add(tf.tanh(tf.mul(tf.add(x, tf.mul(tf.mul(tf.mul(x, x), x), 0.044715)), Math.sqrt(2 / Math.PI))), 1)),
  gelu: (x) => tf.mul(tf.mul(x, 0.5), tf.add(tf.erf(tf.div(x, Math.SQRT2)), 1)),
  silu: (x) => tf.mul(x, tf.sigmoid(x)),
  relu: (x) => tf.relu(x),
};

const activations: Case[] = Object.entries(plainActivations).flatMap(([name, plain]) => [
  { name, ours: ([x]) => activation(name)(x!), plain: ([x]) => plain(x!), inputs: () => [random("x", [5, 7, 11], 20)] },
  {
    name: `a gate of ${name}`,
    ours: ([gate, up]) => gated(name)(gate!, up!),
    plain: ([gate, up]) => tf.mul(plain(gate!), up!),
    inputs: () => [random("gate", [6, 33], 20), random("up", [6, 33])],
  },
]);

function plainAttention(query: Tensor, key: Tensor, value: Tensor, mask: Tensor, scale: number): Tensor {
  const [batch, heads, queries, headDim] = query.shape as [number, number, number, number];
  const [, kvHeads, keys] = key.shape as [number, number, number, number];
  const group = heads / kvHeads;
  const repeated = (x: Tensor) =>
    tf.concat(
      Array.from({ length: heads }, (_, head) => tf.slice(x, [0, Math.floor(head / group), 0, 0], [batch, 1, keys, headDim])),
      1,
    );
  const scores = tf.add(tf.mul(tf.matMul(query, repeated(key), false, true), scale), mask);
  return tf.matMul(tf.softmax(scores), repeated(value)).reshape([batch, heads, queries, headDim]);
}

type Shape = { heads: number; kvHeads: number; queries: number; keys: number; headDim: number };

function attentionCase(name: string, shape: Shape, segmentsOf: number[][], window: number | null, options?: AttentionOptions): Case {
  const { heads, kvHeads, queries, keys, headDim } = shape;
  const batch = segmentsOf.length;
  const sizes = [
    [heads, queries],
    [kvHeads, keys],
    [kvHeads, keys],
  ] as const;
  const mask = () => attentionMask({ values: Int32Array.from(segmentsOf.flat()), batch, time: keys }, queries, window);
  // What a causal form leaves out matters to rows that may see nothing, which nobody reads.
  const read = segmentsOf.flatMap((row) => row.slice(-queries).map((segment) => (segment === 0 && options?.causal ? 0 : 1)));
  return {
    name: `attention, ${name}`,
    ours: ([q, k, v], [mask, read]) =>
      tf.mul(attention(q as Tensor4D, k as Tensor4D, v as Tensor4D, mask as Tensor4D, 0.4, options), read!),
    plain: ([q, k, v], [mask, read]) => tf.mul(plainAttention(q!, k!, v!, mask!, 0.4), read!),
    inputs: () => sizes.map(([count, time], i) => random(`input ${i}`, [batch, count, time, headDim])),
    fixed: () => [mask(), tf.tensor(read, [batch, 1, queries, 1])],
  };
}

const packed = (time: number, ...ends: number[]): number[] =>
  Array.from({ length: time }, (_, t) => 1 + ends.filter((end) => end <= t).length);
const padding = (row: number[], left: number, right: number): number[] =>
  row.map((segment, t) => (t < left || t >= row.length - right ? 0 : segment));
const causal = { causal: true };
const grouped = { heads: 4, kvHeads: 2, queries: 300, keys: 300, headDim: 6 };
const single = { ...grouped, kvHeads: 4 };
const vast = { heads: 2, kvHeads: 1, queries: 2112, keys: 2112, headDim: 2 };

const attentions: Case[] = [
  attentionCase("one piece", { ...grouped, queries: 40, keys: 40 }, [packed(40)], null, causal),
  attentionCase("one piece of unequal heads and padding", { ...single, queries: 40, keys: 40 }, [padding(packed(40), 3, 5)], null),
  attentionCase("three causal pieces", single, [packed(300)], null, causal),
  attentionCase("grouped queries and packed rows", grouped, [packed(300, 50, 128, 222), packed(300, 129)], null, causal),
  attentionCase("rows padded on either side", grouped, [padding(packed(300), 140, 0), padding(packed(300, 99), 0, 190)], null, causal),
  attentionCase("a window", grouped, [packed(300, 90), padding(packed(300), 7, 7)], 33, causal),
  attentionCase("fewer queries than keys", { ...grouped, queries: 170 }, [padding(packed(300), 60, 0)], null, causal),
  attentionCase("one query", { ...grouped, queries: 1 }, [padding(packed(300), 60, 0), packed(300)], null),
  attentionCase("probabilities computed twice", vast, [padding(packed(2112, 1000), 30, 0)], null),
  attentionCase("causal probabilities computed twice", { ...vast, queries: 3000, keys: 3000 }, [packed(3000, 1000)], null, causal),
];

const options = rotaryOptions({ rope_theta: 100 }, 6);
const positions = { values: Int32Array.from([0, 1, 2, 500, 0, 3, 7, 8]), batch: 2, time: 4 };

/** Pairs (i, i + headDim / 2) as complex numbers. */
function plainRotation(x: Tensor): Tensor {
  const angles = Array.from(positions.values, (position) => Array.from(inverseFrequencies(options), (f) => position * f)).flat();
  const [cos, sin] = [Math.cos, Math.sin].map((f) => tf.tensor(angles.map(f), [2, 1, 4, 3]));
  const [a, b] = tf.split(x, 2, 3) as [Tensor, Tensor];
  return tf.concat([tf.sub(tf.mul(a, cos!), tf.mul(b, sin!)), tf.add(tf.mul(a, sin!), tf.mul(b, cos!))], 3);
}

export const cases: Case[] = [
  ...activations,
  ...attentions,
  {
    name: "rotary positions",
    ours: ([x], [cos, sin]) => rotate(x as Tensor4D, { cos, sin } as RotaryTables),
    plain: ([x]) => plainRotation(x!),
    inputs: () => [random("x", [2, 3, 4, 6])],
    fixed: () => Object.values(rotaryTables(options, positions)),
  },
  {
    name: "heads of one projection",
    ours: ([x]) => tf.stack(splitProjections(x!, 3, 4).map((part) => joinHeads(tf.mul(part, part) as Tensor4D))),
    plain: ([x]) => tf.stack(tf.split(x!, 3, -1).map((part) => joinHeads(tf.square(splitHeads(part, 4))))),
    inputs: () => [random("x", [2, 5, 24])],
  },
];
