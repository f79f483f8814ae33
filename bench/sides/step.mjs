/** Ours: LoRA steps through the library's own trainer. */
import { matmulSpeed } from "../../dist/core/precision.js";
import { parameterCount, trainSft } from "../../dist/index.js";
import { finish, loadModel, peakBytes, precisionOption, SETTINGS, stepsOf, tokenRow, unsupported, withAdapter } from "./side.mjs";

const { steps, warmUp, batch, time, learningRate, recompute, precision } = SETTINGS;

const found = await trained().catch((error) => {
  if (precision === "f32") throw error;
  return unsupported(`precision ${precision}: ${error.message}`);
});
if (found) await report(found);

async function trained() {
  const model = withAdapter(await loadModel());
  const rows = Array.from({ length: batch }, (_, i) => {
    const ids = tokenRow(`row ${i}`, time, model);
    return { ids, targets: ids.map(() => 1), segments: ids.map(() => 1), positions: ids.map((_, t) => t) };
  });
  const options = { steps, batch, learningRate, schedule: "constant", maxGradNorm: 1, recompute, ...precisionOption };
  return { model, ...(await stepsOf(trainSft(model, rows, options))) };
}

async function report({ model, losses, ends }) {
  const speed = ((steps - warmUp) * batch * time) / (ends.at(-1) - (ends[warmUp - 1] ?? 0));
  const peak = peakBytes();
  // Without bf16 arithmetic in the processor a large product would take minutes.
  const small = matmulSpeed(precision, 512, 3);
  const matmulGflops = small > 10 ? matmulSpeed(precision, 2048, 5) : small;
  const used = (speed * parameterCount(model.type, model.config) * (recompute ? 6 : 4)) / 1e9;
  const fraction = matmulGflops === null ? {} : { matmulGflops, fractionOfMatmul: used / matmulGflops };
  await finish({ speed, peak, results: { losses }, chosen: { recompute }, figures: { ...fraction, firstStepSeconds: ends[0] } });
}
