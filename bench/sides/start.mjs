/** Ours: from starting Node to the end of the first update. */
import { conversationRows, plainTemplate, trainSft } from "../../dist/index.js";
import { finish, lines, loadModel, peakBytes, SETTINGS, stepsOf, sum, withAdapter } from "./side.mjs";

const { began, length, batch, learningRate } = SETTINGS;
const seconds = (from) => (Date.now() - from) / 1000;
const importSeconds = seconds(began);
const model = await loadModel();
const loadSeconds = seconds(began) - importSeconds;
const { rows } = conversationRows(lines("data"), model.tokenizer, plainTemplate, { length });
const tokeniseSeconds = seconds(began) - importSeconds - loadSeconds;
const { losses } = await stepsOf(
  trainSft(withAdapter(model), rows, { steps: 1, batch, learningRate, schedule: "constant", maxGradNorm: 1 }),
);
const speed = seconds(began);
const figures = { importSeconds, loadSeconds, tokeniseSeconds, stepSeconds: speed - importSeconds - loadSeconds - tokeniseSeconds };
const counts = { targets: sum(rows.map(({ targets }) => sum(targets))) };
await finish({ speed, peak: peakBytes(), results: { losses, counts }, figures });
