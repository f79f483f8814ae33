import { afterEach, expect, it } from "vitest";
import { breathe, cellSignal } from "../../src/core/interrupt.js";
import { tf } from "../../src/core/tf.js";
import { embedTexts } from "../../src/models/embed.js";
import { loadModel } from "../../src/models/load.js";
import { world } from "../../src/data/world.js";

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
    batch: 2,
    onProgress: () => {
      if (++batches === 2) cell.abort(new Error("interrupted"));
    },
  });
  await expect(work).rejects.toThrow("interrupted");
  expect(batches).toBe(2);
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
