import { readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { disposeModel } from "../../src/models/create.js";
import { trainableParameters } from "../../src/models/lora.js";
import type { TrainEvent } from "../../src/train/loop.js";
import { trainingRecord } from "../../src/train/record.js";
import { type SftOptions, trainSft } from "../../src/train/sft.js";
import { distance, formulaIds, formulaLora, formulaModel, formulaRows, leaked, tinyLlama } from "../formula.js";
import { temporaryFolder } from "../temporary-folder.js";

const ids = [11, 6, 14, 9, 3].map((length, i) => formulaIds(`checkpoint ${i}`, length, 61));
const rows = formulaRows(
  ids,
  ids.map((row) => row.map(() => 1)),
);
const OPTIONS = {
  steps: 6,
  learningRate: 2e-2,
  batch: 2,
  accumulate: 2,
  warmupSteps: 1,
  optimizer: { weightDecay: 0.1 },
  seed: 3,
} satisfies SftOptions;

type Run = { events: TrainEvent[]; values: Map<string, Float32Array> };
/** Trains an adapter with dropout until the end, or until the checkpoint at `stopAt` is written. */
async function run(options: SftOptions, stopAt?: number, data = rows): Promise<Run> {
  const model = formulaLora(await formulaModel(tinyLlama), { rank: 2, dropout: 0.25 });
  const events: TrainEvent[] = [];
  try {
    for await (const event of trainSft(model, data, options)) {
      events.push(event);
      if (event.kind === "checkpoint" && event.step === stopAt) break;
    }
    return {
      events,
      values: new Map([...trainableParameters(model)].map(([name, value]) => [name, value.dataSync().slice() as Float32Array])),
    };
  } finally {
    disposeModel(model);
  }
}
const losses = ({ events }: Run) =>
  events.flatMap((event) => (event.kind === "step" || event.kind === "evaluation" ? [`${event.kind} ${event.step} ${event.loss}`] : []));

describe("a resumed run", () => {
  it.each<Partial<SftOptions>>([{}, { recompute: true }, { evaluation: rows.slice(0, 2), evaluateEvery: 2, keepBest: true }])(
    "ends bit for bit as one that was never stopped (%#)",
    async (more) => {
      const lost = await leaked(async () => {
        const folder = temporaryFolder();
        const straight = await run({ ...OPTIONS, ...more });
        const checkpoint = { folder, every: 2, resume: true };
        const first = await run({ ...OPTIONS, ...more, checkpoint }, 2);
        const second = await run({ ...OPTIONS, ...more, checkpoint }, 4);
        const third = await run({ ...OPTIONS, ...more, checkpoint });
        expect([first, second, third].map(({ events }) => (events[0] as { resumedFrom: number }).resumedFrom)).toEqual([0, 2, 4]);
        expect([first, second, third].flatMap(losses)).toEqual(losses(straight));
        for (const [name, value] of straight.values) expect(distance(third.values.get(name)!, value), name).toBe(0);
        expect(third.events.at(-1)).toMatchObject({ ...withoutSeconds(straight.events.at(-1)!) });
      });
      expect(lost).toBe(0);
    },
  );

  it("stays stopped where it had stopped early", async () => {
    const folder = temporaryFolder();
    const options: SftOptions = {
      ...OPTIONS,
      learningRate: 0.8,
      steps: 8,
      evaluation: rows.slice(0, 2),
      evaluateEvery: 1,
      patience: 2,
      keepBest: true,
      checkpoint: { folder, every: 100, resume: true },
    };
    const stopped = await run(options);
    expect(stopped.events.at(-1)).toMatchObject({ reason: "early stop" });
    const again = await run(options);
    expect(again.events.map(({ kind }) => kind)).toEqual(["start", "end"]);
    expect(withoutSeconds(again.events.at(-1)!)).toEqual(withoutSeconds(stopped.events.at(-1)!));
    for (const [name, value] of stopped.values) expect(distance(again.values.get(name)!, value), name).toBe(0);
  });

  it("can give the events before it once more, and counts their time", async () => {
    const folder = temporaryFolder();
    const more = { ...OPTIONS, evaluation: rows.slice(0, 2), evaluateEvery: 2, keepBest: true };
    const straight = await run(more);
    const checkpoint = { folder, every: 2, resume: "matching", replay: true } as const;
    await run({ ...more, checkpoint }, 4);
    const resumed = await run({ ...more, checkpoint });
    const finished = await run({ ...more, checkpoint });
    const records = [straight, resumed, finished].map(({ events }) => {
      const { seconds, options: _, ...record } = trainingRecord(events);
      expect(seconds).toBeGreaterThan(0);
      return record;
    });
    expect(records[1]).toEqual(records[0]);
    expect(records[2]).toEqual(records[0]);
    for (const { events, values } of [resumed, finished]) {
      expect(losses({ events, values })).toEqual(losses(straight));
      const seconds = events.flatMap((event) => (event.kind === "step" ? [event.seconds] : []));
      expect(seconds).toEqual([...seconds].sort((a, b) => a - b));
      for (const [name, value] of straight.values) expect(distance(values.get(name)!, value), name).toBe(0);
    }
  });

  it.each<[string, Partial<SftOptions>, typeof rows]>([
    ["other options", { learningRate: 1e-3 }, rows],
    ["other rows", {}, rows.slice(1)],
    ["other held-out rows", { evaluation: rows.slice(1, 2) }, rows],
  ])("begins anew with %s where only a matching run is gone on with", async (_, more, others) => {
    const folder = temporaryFolder();
    const checkpoint = { folder, every: 1, resume: "matching", keep: 3 } as const;
    const options = { ...OPTIONS, steps: 2, evaluation: rows.slice(0, 1) };
    await run({ ...options, checkpoint });
    const { events } = await run({ ...options, ...more, steps: 1, checkpoint }, undefined, others);
    expect(events[0]).toMatchObject({ resumedFrom: 0 });
    expect(readdirSync(folder)).toEqual(["step-00000001"]);
  });

  it("begins anew with parameters that were already trained", async () => {
    const folder = temporaryFolder();
    const checkpoint = { folder, every: 1, resume: "matching" } as const;
    const model = formulaLora(await formulaModel(tinyLlama), { rank: 2 });
    for (let i = 0; i < 2; i++) {
      for await (const event of trainSft(model, rows, { ...OPTIONS, steps: 3, checkpoint }))
        if (event.kind === "start") expect(event.resumedFrom).toBe(0);
    }
    disposeModel(model);
  });

  it("is refused with other options, and begins anew where it is not asked for", async () => {
    const folder = temporaryFolder();
    await run({ ...OPTIONS, steps: 2, checkpoint: { folder, every: 1 } });
    const lost = await leaked(() =>
      expect(run({ ...OPTIONS, steps: 2, learningRate: 1e-3, checkpoint: { folder, every: 1, resume: true } })).rejects.toThrow(
        "expected a checkpoint of a run with these options and parameters",
      ),
    );
    expect(lost).toBe(0);
    const { events } = await run({ ...OPTIONS, steps: 2, checkpoint: { folder, every: 1 } });
    expect(events[0]).toMatchObject({ resumedFrom: 0 });
  });
});

it("keeps the newest checkpoints and removes older ones", async () => {
  const folder = join(temporaryFolder(), "checkpoints");
  const { events } = await run({ ...OPTIONS, steps: 5, accumulate: 1, checkpoint: { folder, every: 2, keep: 2 } });
  expect(events.flatMap((event) => (event.kind === "checkpoint" ? [event.step] : []))).toEqual([2, 4, 5]);
  expect(readdirSync(folder).sort()).toEqual(["step-00000004", "step-00000005"]);
  expect(readdirSync(join(folder, "step-00000005")).sort()).toEqual([
    "best.safetensors",
    "events.jsonl",
    "optimizer.safetensors",
    "parameters.safetensors",
    "state.json",
  ]);
});

function withoutSeconds(event: TrainEvent): Record<string, unknown> {
  const { seconds: _, ...rest } = event as TrainEvent & { seconds?: number };
  return rest;
}
