import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { saveAdapter } from "../../src/models/adapter-files.js";
import { disposeModel } from "../../src/models/create.js";
import type { TrainEvent } from "../../src/train/loop.js";
import { readTrainingRecord, trainingRecord } from "../../src/train/record.js";
import { trainSft } from "../../src/train/sft.js";
import { formulaLora, formulaModel, tinyGpt2 } from "../formula.js";
import { temporaryFolder } from "../temporary-folder.js";

const row = {
  ids: Int32Array.of(1, 2, 3, 4),
  targets: [0, 1, 1, 0],
  segments: Int32Array.of(1, 1, 1, 0),
  positions: Int32Array.of(0, 1, 2, 0),
};

it("sums up a training and comes back from beside the adapter", async () => {
  const model = formulaLora(await formulaModel(tinyGpt2), { rank: 2, alpha: 4 });
  const events: TrainEvent[] = [];
  for await (const event of trainSft(model, [row], {
    steps: 3,
    batch: 2,
    learningRate: 1e-3,
    seed: 5,
    evaluation: [row],
    evaluateEvery: 2,
  }))
    events.push(event);
  const record = trainingRecord(events, { mix: { temperature: 2 } });
  expect(record).toMatchObject({
    steps: 3,
    tokens: 3 * 2 * 3,
    mix: { temperature: 2 },
    options: { seed: 5, batch: 2, learningRate: 1e-3 },
  });
  expect(record.evaluations.map(({ step }) => step)).toEqual([0, 2, 3]);
  const folder = join(temporaryFolder(), "adapter");
  await saveAdapter(model, folder, { training: record });
  expect(await readTrainingRecord(folder)).toEqual(JSON.parse(JSON.stringify(record)));
  writeFileSync(join(folder, "training.json"), '{"epochs": 3}');
  await expect(readTrainingRecord(folder)).rejects.toThrow(/training\.json: expected options, steps and tokens, got "epochs"/);
  disposeModel(model);
});

it("wants a training that came to its end, and a record that is there", async () => {
  expect(() => trainingRecord([])).toThrow("from its start to its end");
  await expect(readTrainingRecord(temporaryFolder())).rejects.toThrow("saveAdapter writes it");
});
