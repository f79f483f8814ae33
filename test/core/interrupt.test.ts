import { Worker } from "node:worker_threads";
import { afterEach, expect, it } from "vitest";
import { compile } from "../../src/core/compile/compile.js";
import { isNative } from "../../src/core/engine.js";
import { breathe, cellSignal } from "../../src/core/interrupt.js";
import { type Tensor2D, tf } from "../../src/core/tf.js";
import { world } from "../../src/data/world.js";
import { embedTexts } from "../../src/models/embed.js";
import { loadModel } from "../../src/models/load.js";
import { addLora } from "../../src/models/lora.js";
import { trainSft } from "../../src/train/sft.js";

const name = Symbol.for("Jupyter.signal");
const set = (signal: AbortSignal | undefined) => Object.defineProperty(globalThis, name, { value: signal, configurable: true });
afterEach(() => set(undefined));

it("lets waiting callbacks in before it goes on", async () => {
  const order: string[] = [];
  setImmediate(() => order.push("callback"));
  await breathe(cellSignal());
  order.push("after");
  expect(order).toEqual(["callback", "after"]);
});

it("throws the reason of the cell in which the work began, not of a later one", async () => {
  const cell = new AbortController();
  set(cell.signal);
  const signal = cellSignal();
  set(new AbortController().signal);
  cell.abort(new Error("interrupted"));
  await expect(breathe(signal)).rejects.toThrow("interrupted");
  await expect(breathe(cellSignal())).resolves.toBeUndefined();
});

it("stops embedding between two batches", async () => {
  const model = await loadModel(world("model"));
  const cell = new AbortController();
  set(cell.signal);
  let batches = 0;
  const texts = Array.from({ length: 12 }, (_, i) => `text ${i}`);
  const work = embedTexts(model, texts, {
    pooling: "mean",
    batchTokens: 8,
    onProgress: () => {
      if (++batches === 2) cell.abort(new Error("interrupted"));
    },
  });
  await expect(work).rejects.toThrow("interrupted");
  expect(batches).toBe(2);
});

it.skipIf(!isNative())("stops a compiled function in the middle, at a wish that another thread tells of", async () => {
  const wish = new Int32Array(new SharedArrayBuffer(8));
  const check = () => {
    if (Atomics.exchange(wish, 0, 0) !== 0) throw new Error("interrupted");
  };
  const seam = Symbol.for("Jupyter.interruption");
  const seams = globalThis as { [seam: symbol]: unknown };
  seams[seam] = { check, enter() {}, leave() {}, wish };
  const x = tf.randomUniform([600, 600]) as Tensor2D;
  // Many seconds of work, in products that depend on each other.
  const long = compile("long", (matrix) => {
    let y = matrix as Tensor2D;
    for (let i = 0; i < 3000; i++) y = tf.mul(tf.matMul(y, y), 0.003) as Tensor2D;
    return { y };
  });
  const wisher = new Worker("setTimeout(() => Atomics.store(require('node:worker_threads').workerData, 0, 1), 300)", {
    eval: true,
    workerData: wish,
  });
  const began = performance.now();
  expect(() => long(x)).toThrow("interrupted");
  expect(long.fallback).toBe("");
  expect(performance.now() - began).toBeLessThan(10_000);
  await wisher.terminate();
  delete seams[seam];
  const short = compile("short", (matrix) => ({ y: tf.sum(matrix!) }));
  const { y } = short(x);
  expect(Number.isFinite(y.dataSync()[0])).toBe(true);
  y.dispose();
  long.dispose();
  short.dispose();
  x.dispose();
});

it("sets the tensor engine right after JavaScript was stopped inside of a gradient", () => {
  const before = tf.memory().numTensors;
  const engine = tf.engine();
  const state = engine.state as unknown as { gradientDepth: number; activeTape: unknown };
  engine.startScope("stopped");
  engine.startScope("inner");
  Object.assign(state, { gradientDepth: 1, activeTape: [] });
  tf.ones([3]);
  const hooks = (globalThis as { [name: symbol]: Set<() => void> })[Symbol.for("Jupyter.terminated")]!;
  for (const mend of hooks) mend();
  expect(tf.memory().numTensors).toBe(before);
  expect(state.gradientDepth).toBe(0);
  const gradient = tf.tidy(
    () =>
      tf
        .grad((x) => x.square().sum())(tf.tensor1d([3]))
        .dataSync()[0],
  );
  expect(gradient).toBe(6);
});

it("is stopped between two operations of a step when the user wishes it, and frees what it had", async () => {
  const seam = Symbol.for("Jupyter.interruption");
  const globals = globalThis as { [name: symbol]: unknown };
  const model = await loadModel(world("model"));
  const policy = addLora(model, { rank: 2, alpha: 4, targets: "all-linear", seed: 0 });
  const ids = Int32Array.from({ length: 32 }, (_, i) => i);
  const row = { ids, targets: new Uint8Array(32).fill(1), segments: new Int32Array(32).fill(1), positions: ids };
  const before = tf.memory().numTensors;
  let [depth, checks, entered] = [0, 0, 0];
  for (const stopAt of [3, 25, 40]) {
    checks = 0;
    globals[seam] = {
      enter: () => (entered += ++depth),
      leave: () => depth--,
      check: () => {
        if (++checks === stopAt) throw new Error("interrupted");
      },
    };
    const run = async () => {
      for await (const event of trainSft(policy, [row], { steps: 1, batch: 1, learningRate: 1e-3 })) void event;
    };
    await expect(run()).rejects.toThrow("interrupted");
    expect(tf.memory().numTensors).toBe(before);
    expect(depth).toBe(0);
  }
  expect(entered).toBeGreaterThan(0);
  delete globals[seam];
});
