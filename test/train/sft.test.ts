import { describe, expect, it } from "vitest";
import { tf } from "../../src/core/tf.js";
import { disposeModel } from "../../src/models/create.js";
import { trainableParameters, unfreeze } from "../../src/models/lora.js";
import { type TrainEvent, train } from "../../src/train/loop.js";
import { sftLoss, sftStep, trainSft } from "../../src/train/sft.js";
import { batchesOf, type SftRow, sftBatches, stackRows } from "../../src/train/sft-rows.js";
import { distance, formulaIds, formulaLora, formulaModel, formulaRows, leaked, reference, taken, tinyGpt2, tinyLlama } from "../formula.js";

const LENGTHS = [11, 6, 14, 9, 3, 12];
const ids = LENGTHS.map((length, i) => formulaIds(`sft ${i}`, length, 61));
// Unequal numbers of targets: row i learns its last i + 1 tokens.
const rows: SftRow[] = formulaRows(
  ids,
  ids.map((row, i) => row.map((_, t) => (t >= row.length - i - 1 ? 1 : 0))),
);

const norms = (values: Map<string, Float32Array>) => [...values.values()].flatMap((value) => [...value]);

describe("one step", () => {
  it("is the same whether k batches are accumulated or one holds all rows", async () => {
    const lost = await leaked(async () => {
      const parameters = async (size: number): Promise<{ values: Map<string, Float32Array>; loss: number; gradNorm: number }> => {
        const model = formulaLora(await formulaModel(tinyLlama), { rank: 2 });
        const step = sftStep(model, { recompute: false });
        const task = {
          parameters: trainableParameters(model),
          batch: (index: number) => stackRows(rows.slice((index * size) % rows.length, ((index * size) % rows.length) + size)),
          step: (batch: ReturnType<typeof stackRows>, seed: number) => step(batch, seed),
          size: () => 1,
          dispose: step.dispose,
        };
        let last: Extract<TrainEvent, { kind: "step" }> | undefined;
        for await (const event of train(task, {
          steps: 2,
          learningRate: 1e-2,
          schedule: "constant",
          accumulate: rows.length / size,
          optimizer: { epsilon: 1e-4 },
        })) {
          if (event.kind === "step") last = event;
        }
        const values = new Map([...task.parameters].map(([name, value]) => [name, value.dataSync().slice() as Float32Array]));
        disposeModel(model);
        expect(last!.count).toBe(1 + 2 + 3 + 4 + 2 + 6); // the fifth row has three tokens, and nothing comes before its first
        return { values, loss: last!.loss, gradNorm: last!.gradNorm };
      };
      const [one, three, six] = [await parameters(6), await parameters(2), await parameters(1)];
      for (const other of [three, six]) {
        expect(other.loss).toBeCloseTo(one.loss, 5);
        expect(other.gradNorm).toBeCloseTo(one.gradNorm, 5);
        expect(distance(norms(other.values), norms(one.values))).toBeLessThan(1e-5);
      }
    });
    expect(lost).toBe(0);
  });

  it("lowers the loss on its rows, with an adapter or all weights", async () => {
    for (const config of [tinyGpt2, tinyLlama]) {
      for (const full of [false, true]) {
        const base = await formulaModel(config);
        const model = full ? unfreeze(base) : formulaLora(base, { rank: 4, dropout: 0.1 });
        const before = await sftLoss(model, rows);
        const lost = await leaked(async () => {
          for await (const _ of trainSft(model, rows, { steps: 5, learningRate: 1e-2, batch: 6, recompute: true, warmupSteps: 1 }));
        });
        expect(lost).toBe(0);
        expect(await sftLoss(model, rows)).toBeLessThan(before - 0.1);
        disposeModel(model);
        if (full) disposeModel(base);
      }
    }
  });

  it("gives the same losses for the same seed, with dropout", async () => {
    const losses = async (seed: number): Promise<number[]> => {
      const model = formulaLora(await formulaModel(tinyGpt2), { rank: 2, dropout: 0.3 });
      const found: number[] = [];
      for await (const event of trainSft(model, rows, { steps: 3, learningRate: 1e-2, batch: 2, seed }))
        if (event.kind === "step") found.push(event.loss);
      disposeModel(model);
      return found;
    };
    const first = await losses(1);
    expect(await losses(1)).toEqual(first);
    expect(await losses(2)).not.toEqual(first);
  });
});

it("has transformers' mean loss over the marked tokens, however the rows are batched", async () => {
  type Case = { name: string; config: Record<string, unknown>; loss: number };
  const { rows: stored, targets, cases } = reference<{ rows: number[][]; targets: number[][]; cases: Case[] }>("training.json");
  const { config, loss } = cases.find(({ name }) => name === "gpt2, tied")!;
  const model = await formulaModel(config);
  for (const batch of [1, 2, 3]) expect(await sftLoss(model, formulaRows(stored, targets), batch)).toBeCloseTo(loss, 4);
  disposeModel(model);
  expect(tf.memory().numTensors).toBe(0);
});

it("gives packed rows the loss and gradients of rows alone", async () => {
  const model = formulaLora(await formulaModel(tinyLlama), { rank: 2 });
  const [a, b] = [rows[3]!, rows[5]!];
  const cut = (row: SftRow, n: number) => ({ ids: Array.from(row.ids).slice(0, n), targets: Array.from(row.targets, Number).slice(0, n) });
  const [x, y] = [cut(a, 9), cut(b, 12)];
  const joined: SftRow = {
    ids: [...x.ids, ...y.ids, 0],
    targets: [...x.targets, ...y.targets, 0],
    segments: [...x.ids.map(() => 1), ...y.ids.map(() => 2), 0],
    positions: [...x.ids.map((_, i) => i), ...y.ids.map((_, i) => i), 0],
  };
  const step = sftStep(model, { recompute: false });
  const packed = await step(stackRows([joined]), 0);
  const alone = await step(stackRows([a, b]), 0);
  step.dispose();
  expect(packed.count).toBe(alone.count);
  expect(packed.loss).toBeCloseTo(alone.loss, 4);
  for (const [name, gradient] of packed.gradients)
    expect(distance(taken(gradient), taken(alone.gradients.get(name)!)), name).toBeLessThan(1e-4);
  disposeModel(model);
});

describe("rows from a source", () => {
  const source = (read: number[] = []) => ({
    identity: "five rows",
    async *start() {
      for (let i = 0; i < 5; i++) {
        read.push(i);
        yield { ids: [i, i], targets: [0, 1], segments: [1, 1], positions: [0, 1] };
      }
    },
  });
  const firsts = async (batches: ReturnType<typeof sftBatches>, index: number) =>
    Array.from((await batches.at(index)).ids).filter((_, i) => i % 2 === 0);

  it("come in their order, pass after pass, and are read over by a run that goes on later", async () => {
    const batches = sftBatches(source(), 3, 0);
    expect([await firsts(batches, 0), await firsts(batches, 1), await firsts(batches, 2)]).toEqual([
      [0, 1, 2],
      [3, 4, 0],
      [1, 2, 3],
    ]);
    expect(await firsts(sftBatches(source(), 3, 0), 2)).toEqual([1, 2, 3]);
  });

  it("are read no further than they are needed, and train a model", async () => {
    const read: number[] = [];
    await sftBatches(source(read), 2, 0).at(0);
    expect(read).toEqual([0, 1]);
    const model = formulaLora(await formulaModel(tinyGpt2), { rank: 2 });
    const losses: number[] = [];
    const options = { steps: 6, learningRate: 1e-2, batch: 5, schedule: "constant" as const };
    for await (const event of trainSft(model, source(), options)) if (event.kind === "step") losses.push(event.loss);
    expect(losses.at(-1)).toBeLessThan(losses[0]! - 0.1);
    disposeModel(model);
  });

  it("must be some", async () => {
    async function* none(): AsyncGenerator<SftRow> {}
    await expect(sftBatches({ identity: "nothing", start: none }, 2, 0).at(0)).rejects.toThrow(
      "rows of nothing: expected at least one, got none",
    );
  });
});

describe("batches by number", () => {
  it("go through all rows before any comes again, in a new order each time", () => {
    const pick = batchesOf([0, 1, 2, 3, 4], 2, 7);
    const drawn = [0, 1, 2, 3, 4].flatMap(pick);
    expect([...drawn.slice(0, 5)].sort()).toEqual([0, 1, 2, 3, 4]);
    expect([...drawn.slice(5)].sort()).toEqual([0, 1, 2, 3, 4]);
    expect(drawn.slice(5)).not.toEqual(drawn.slice(0, 5));
  });

  it("depend on their number alone, so that a resumed run sees what it would have seen", () => {
    const rows = Array.from({ length: 7 }, (_, i) => i);
    const straight = batchesOf(rows, 3, 1);
    const wanted = Array.from({ length: 30 }, (_, i) => straight(i));
    const other = batchesOf(rows, 3, 1);
    for (const i of [29, 3, 17, 0, 4]) expect(other(i)).toEqual(wanted[i]);
  });

  it("are refused without rows or without size", () => {
    expect(() => batchesOf([], 2, 0)).toThrow("batches: expected at least one row, got none");
    expect(() => batchesOf([1], 0, 0)).toThrow("batch: expected a whole number, at least 1, got 0");
  });
});
