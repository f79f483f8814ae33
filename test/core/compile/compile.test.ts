import { afterEach, describe, expect, it } from "vitest";
import { compile, ordered } from "../../../src/core/compile/compile.js";
import { isNative } from "../../../src/core/engine.js";
import { type Tensor, tf } from "../../../src/core/tf.js";
import { distance, formulaTensor, leaked, taken } from "../../formula.js";

const numbers = (tensor: Tensor): number[] => Array.from(taken(tensor));
const native = it.skipIf(!isNative());
afterEach(() => expect(tf.memory().numTensors).toBe(0));

describe("a compiled function", () => {
  native("gives what it gives uncompiled, for each shape, without a trace of it left", async () => {
    const plain = (x: Tensor, y: Tensor) => {
      const joined = tf.concat([tf.softmax(tf.matMul(x as never, y as never)), tf.ones([2, 3])], 0);
      const [a, b] = tf.split(joined.reshape([-1, 3]), [1, joined.shape[0]! - 1], 0);
      const picked = tf.where(tf.greater(b!, 0.3), b!, tf.zerosLike(b!));
      return { picked, sum: tf.addN([a!.sum(), picked.mean(), tf.transpose(picked).max()]), count: tf.cast(picked, "int32").sum() };
    };
    const compiled = compile("mixed", plain);
    const lost = await leaked(async () => {
      for (const rows of [2, 5, 2]) {
        const [x, y] = [formulaTensor(`x ${rows}`, [rows, 4]), formulaTensor("y", [4, 3])];
        const [wanted, found] = [plainly(() => plain(x, y)), compiled(x, y)];
        expect(compiled.fallback).toBe("");
        for (const name of ["picked", "sum", "count"] as const) {
          expect(found[name].shape).toEqual(wanted[name].shape);
          expect(found[name].dtype).toBe(wanted[name].dtype);
          expect(distance(numbers(found[name]), numbers(wanted[name]))).toBeLessThan(1e-6);
        }
        tf.dispose([x, y]);
      }
    });
    expect(lost).toBe(0);
    compiled.dispose();
  });

  native("holds the gradients that tfjs takes in it, and sees what a variable is by then", async () => {
    const weight = tf.tidy(() => tf.variable(formulaTensor("weight", [4, 3])));
    const frozen = formulaTensor("frozen", [3]);
    const loss = (x: Tensor) => tf.mean(tf.square(tf.add(tf.tanh(tf.matMul(x as never, weight as never)), frozen)));
    const both = (x: Tensor) => {
      const { value, grads } = tf.variableGrads(() => loss(x) as never, [weight as never]);
      return { value, gradient: Object.values(grads)[0]! };
    };
    const compiled = compile("gradient", both);
    const x = formulaTensor("input", [5, 4]);
    for (let turn = 0; turn < 3; turn++) {
      const [wanted, found] = [plainly(() => both(x)), compiled(x)];
      expect(distance(numbers(found.gradient), numbers(wanted.gradient))).toBeLessThan(1e-6);
      expect(numbers(found.value)[0]).toBeCloseTo(numbers(wanted.value)[0]!, 5);
      tf.tidy(() => weight.assign(tf.mul(weight, -1.5)));
    }
    compiled.dispose();
    tf.dispose([weight, frozen, x]);
  });

  native("is run operation by operation, with the reason, where it cannot be one", () => {
    const reads = compile("reads", (x) => ({ y: tf.mul(x!, x!.dataSync()[0]!) }));
    const bakes = compile("bakes", (x) => ({ y: tf.add(x!, tf.tensor1d(Float32Array.from({ length: 5000 }, (_, i) => i))) }));
    const x = tf.tensor1d([3, 4]);
    expect(numbers(reads(x).y)).toEqual([9, 12]);
    expect(reads.fallback).toContain("a value is read");
    const long = tf.ones([5000]);
    bakes(long).y.dispose();
    expect(bakes.fallback).toContain("a host array of 5000 values; it would stay as it is. Pass it as an argument");
    tf.dispose([x, long]);
  });

  native("throws what its function throws, and frees what it had made by then", async () => {
    const fails = compile("fails", (x): { y: Tensor } => {
      tf.square(x!);
      throw new RangeError("no");
    });
    const x = tf.tensor1d([1]);
    expect(await leaked(() => expect(() => fails(x)).toThrow(RangeError))).toBe(0);
    expect(numbers(tf.square(x))).toEqual([1]);
    x.dispose();
  });

  native("says so when a tensor that it captured is gone", () => {
    const captured = tf.tensor1d([1, 2]);
    const adds = compile("adds", (x) => ({ y: tf.add(x!, captured) }));
    const x = tf.tensor1d([1, 1]);
    expect(numbers(adds(x).y)).toEqual([2, 3]);
    captured.dispose();
    expect(() => adds(x)).toThrow("expected the tensors that it captured to live");
    adds.dispose();
    x.dispose();
  });

  native("may call another one, whose body becomes part of it", () => {
    const inner = compile("inner", (x) => ({ y: tf.mul(x!, 2) }));
    const outer = compile("outer", (x) => ({ y: tf.add(inner(x!).y, 1) }));
    const x = tf.tensor1d([1, 2]);
    expect(numbers(outer(x).y)).toEqual([3, 5]);
    outer.dispose();
    x.dispose();
  });

  native("keeps the order that it is told, and returns arguments as they are", () => {
    const chain = compile("chain", (x) => {
      const first = tf.square(x!);
      return { y: tf.add(ordered(x!, [first]), first), x: x! };
    });
    const x = tf.tensor1d([2, 3]);
    const { y, x: same } = chain(x);
    expect([numbers(y), numbers(same)]).toEqual([
      [6, 12],
      [2, 3],
    ]);
    expect(chain.fallback).toBe("");
    chain.dispose();
    x.dispose();
  });

  native("runs as XLA's machine code where that is asked for", () => {
    const compiled = compile("xla", (x) => ({ y: tf.mean(tf.exp(tf.neg(tf.square(x!))), -1) }), { how: "xla" });
    const x = formulaTensor("xla", [4, 6]);
    const wanted = tf.tidy(() => numbers(tf.mean(tf.exp(tf.neg(tf.square(x))), -1)));
    expect(distance(numbers(compiled(x).y), wanted)).toBeLessThan(1e-6);
    expect(compiled.fallback).toBe("");
    compiled.dispose();
    x.dispose();
  });
});

function plainly<T>(f: () => T): T {
  return tf.tidy(f as never) as T;
}
