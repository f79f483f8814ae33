import { expect, it } from "vitest";
import { tf } from "../../src/core/tf.js";
import { clipFactor, globalNorm } from "../../src/optim/clip.js";
import { leaked } from "../formula.js";

it("is the length of all gradients together", async () => {
  const lost = await leaked(async () => {
    const gradients = [
      tf.tensor2d([
        [3, 0],
        [0, 0],
      ]),
      tf.tensor1d([0, 4]),
      tf.scalar(12),
    ];
    expect(await globalNorm(gradients)).toBeCloseTo(13, 5);
    expect(await globalNorm([])).toBe(0);
    tf.dispose(gradients);
  });
  expect(lost).toBe(0);
});

it("shortens what is too long and nothing else", () => {
  expect(clipFactor(4, 1)).toBeCloseTo(0.25, 6);
  expect(clipFactor(0.5, 1)).toBe(1);
  expect(clipFactor(0, 1)).toBe(1);
  expect(clipFactor(1e9, null)).toBe(1);
});
