import { expect, it } from "vitest";
import { diagnose } from "../../src/core/doctor.js";
import { isNative } from "../../src/core/engine.js";
import { tf } from "../../src/core/tf.js";

it("the diagnosis measures the engine, names versions and leaves no tensors", async () => {
  const before = tf.memory().numTensors;
  const { engine, gflops, fastest, whyNotCompiled, memory, cores, versions } = await diagnose();
  expect(gflops.f32).toBeGreaterThan(0.1);
  if (isNative()) expect([engine.name, engine.whyNotBetter, gflops.bf16! > 0, gflops.f16! > 0]).toEqual(["tensorflow", "", true, true]);
  else expect([gflops.bf16, gflops.f16, fastest]).toEqual([null, null, "f32"]);
  expect(whyNotCompiled === "").toBe(isNative());
  expect(memory.total).toBeGreaterThan(memory.free);
  expect(cores).toBeGreaterThanOrEqual(1);
  expect(versions.node).toBe(process.versions.node);
  expect(versions.tfjs).toMatch(/^4\.\d+\.\d+$/);
  expect(tf.memory().numTensors).toBe(before);
});
