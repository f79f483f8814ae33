import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { compile } from "../../src/core/compile/compile.js";
import { isNative } from "../../src/core/engine.js";
import { tf } from "../../src/core/tf.js";
import { hasOwnOperations } from "../../src/nn/fused.js";
import { cases, expectAlike, given, itEqualsPlainForms, withGradients } from "./plain-forms.js";

itEqualsPlainForms();

describe.skipIf(!hasOwnOperations())("as on a GPU, without the addon's own operations", () => {
  const backend = tf.backend() as unknown as { isUsingGpuDevice: boolean };
  beforeAll(() => {
    backend.isUsingGpuDevice = true;
  });
  afterAll(() => {
    backend.isUsingGpuDevice = false;
  });
  itEqualsPlainForms();
});

describe.skipIf(!isNative())("compiled", () => {
  it.each(cases)("$name is what it is uncompiled", ({ ours, ...one }) => {
    const { inputs, fixed, dy } = given({ ours, ...one });
    const count = inputs.length;
    const whole = compile("case", (...args) => withGradients(ours, args.slice(0, count), args.slice(count, -1), args.at(-1)!));
    const found = whole(...inputs, ...fixed, dy);
    expect(whole.fallback).toBe("");
    const wanted = withGradients(ours, inputs, fixed, dy);
    expectAlike(found, wanted);
    whole.dispose();
    tf.dispose([found, wanted, inputs, fixed, dy]);
    expect(tf.memory().numTensors).toBe(0);
  });
});
