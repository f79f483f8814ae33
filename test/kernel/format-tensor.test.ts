import * as tf from "@tensorflow/tfjs";
import { afterEach, describe, expect, it, vi } from "vitest";
import { formatValue } from "../../src/kernel/format/value.js";

const text = (value: unknown): string => {
  const bundle = formatValue(value) as { [mime: string]: string };
  expect(Object.keys(bundle)).toEqual(["text/plain"]);
  return bundle["text/plain"]!;
};

afterEach(() => tf.disposeVariables());

describe("tensors of tfjs", () => {
  it("show kind, shape and values", () => {
    tf.tidy(() => {
      expect(text(tf.tensor2d([1, 2, 3, 4, 5.25, -6], [2, 3]))).toBe(
        "Tensor float32 [2, 3]\n[[    1,     2,     3],\n [    4, 5.250,    -6]]",
      );
      expect(text(tf.scalar(3.5))).toBe("Tensor float32 []\n3.500");
      expect(text(tf.tensor1d([true, false]))).toBe("Tensor bool [2]\n[ true, false]");
      expect(text(tf.tensor1d(["a", "b<"]))).toBe('Tensor string [2]\n[ "a", "b<"]');
      expect(text(tf.tensor1d([1, 2], "int32"))).toBe("Tensor int32 [2]\n[1, 2]");
      expect(text(tf.zeros([0, 3]))).toBe("Tensor float32 [0, 3]");
      expect(text(tf.zeros([1, 1, 2]))).toBe("Tensor float32 [1, 1, 2]\n[[[0, 0]]]");
      expect(text(tf.complex([1], [2]))).toBe("Tensor complex64 [1]");
      expect(text(tf.tensor1d([Number.NaN, Number.POSITIVE_INFINITY]))).toContain("[     NaN, Infinity]");
    });
  });

  it("say when they are disposed, and variables their name", () => {
    const tensor = tf.zeros([2]);
    tensor.dispose();
    expect(text(tensor)).toBe("Tensor float32 [2] (disposed)");
    const variable = tf.variable(tf.zeros([2]), true, "w");
    expect(text(variable)).toBe('Variable "w" float32 [2]\n[0, 0]');
    const fixed = tf.variable(tf.zeros([1]), false, "b");
    fixed.dispose();
    expect(text(fixed)).toBe('Variable "b" (not trainable) float32 [1] (disposed)');
  });

  it("are read in a small part when large, and nothing leaks", () => {
    const tensor = tf.range(0, 300_000).reshape([100, 10, 300]);
    const whole = vi.spyOn(tensor, "dataSync");
    const slice = vi.spyOn(tensor, "slice");
    const before = tf.memory().numTensors;
    const shown = text(tensor);
    expect(whole).not.toHaveBeenCalled();
    expect(slice).toHaveBeenCalledTimes(1);
    expect((slice.mock.calls[0]![1] as number[]).reduce((a, b) => a * b)).toBeLessThanOrEqual(200);
    expect(shown).toMatch(/^Tensor float32 \[100, 10, 300\]\n\[\[\[/);
    expect(shown.match(/…/g)!.length).toBeGreaterThan(10);
    expect(shown.length).toBeLessThan(3000);
    expect(tf.memory().numTensors).toBe(before);
    tensor.dispose();
  });

  it("of many axes stay short", () => {
    const tensor = tf.zeros([8, 8, 8, 8, 8]);
    expect(text(tensor).length).toBeLessThan(4000);
    tensor.dispose();
  });

  it("that cannot be read say why", () => {
    const tensor = {
      shape: [2],
      dtype: "float32",
      isDisposedInternal: false,
      dataSync() {
        throw new Error("no device\nstack");
      },
    };
    expect(text(tensor)).toBe("Tensor float32 [2]\n(no preview: no device)");
  });
});
