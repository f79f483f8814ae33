/** Ours: DPO against a reference whose log-probabilities are computed once and kept on the disk. */
import { join } from "node:path";
import { encodePreferences, plainTemplate, trainDpo, withoutAdapter } from "../../dist/index.js";
import { finish, lines, loadModel, peakBytes, precisionOption, SETTINGS, stepsOf, sum, withAdapter } from "./side.mjs";

const { length, batch, learningRate, check, checkSteps, folder, round } = SETTINGS;
const base = await loadModel();
const options = { learningRate, schedule: "constant", maxGradNorm: 1, reference: withoutAdapter(base) };
const encoded = (name) => {
  const pairs = lines(name).map(({ messages, chosen, rejected }) => ({ context: messages, chosen, rejected }));
  return encodePreferences(base.tokenizer, plainTemplate, pairs, { maxTokens: length });
};

const pairs = encoded("data");
const steps = Math.floor(pairs.length / batch);
const cacheFolder = join(folder, `reference-${round}`);
const began = performance.now();
const { ends } = await stepsOf(trainDpo(withAdapter(base), pairs, { ...options, steps, batch, cacheFolder, ...precisionOption }));
const whole = (performance.now() - began) / 1000;
const speed = (batch * (steps - 1)) / (ends.at(-1) - ends[0]);
const peak = peakBytes();
const replies = pairs.flatMap(({ chosen, rejected }) => [chosen, rejected]);
const results = { counts: { replyTokens: sum(replies.map(({ targets }) => sum(targets.map(Number)))) } };
if (check) {
  const few = encoded("check");
  const { losses } = await stepsOf(trainDpo(withAdapter(base), few, { ...options, steps: checkSteps, batch: few.length }));
  results.losses = losses;
}
const figures = { referenceSeconds: whole - ends.at(-1), speedWithReferenceAndFirstStep: (batch * steps) / whole };
await finish({ speed, peak, results, chosen: { steps, batch }, figures });
