/** Ours: supervised fine-tuning on packed rows. */
import { conversationRows, plainTemplate, trainSft } from "../../dist/index.js";
import { finish, lines, loadModel, peakBytes, precisionOption, SETTINGS, stepsOf, sum, withAdapter } from "./side.mjs";

const { length, batch, learningRate, check, checkSteps } = SETTINGS;
const base = await loadModel();
const options = { learningRate, schedule: "constant", maxGradNorm: 1 };
const pack = (name) => conversationRows(lines(name), base.tokenizer, plainTemplate, { length });

const { rows, fill } = pack("data");
const steps = Math.ceil(rows.length / batch);
const { counts, ends } = await stepsOf(trainSft(withAdapter(base), rows, { ...options, steps, batch, ...precisionOption }));
const speed = sum(counts.slice(1)) / (ends.at(-1) - ends[0]);
const peak = peakBytes();
const results = { counts: { targets: sum(rows.map(({ targets }) => sum(targets))) } };
if (check) {
  const { rows: few } = pack("check");
  const { losses } = await stepsOf(trainSft(withAdapter(base), few, { ...options, steps: checkSteps, batch: few.length }));
  results.losses = losses;
}
await finish({ speed, peak, results, chosen: { steps, batch, length }, figures: { fill, firstStepSeconds: ends[0] } });
