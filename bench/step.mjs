// Ours: some LoRA steps through the library's own trainer. Its only argument is a case as JSON, its last line of output the result.
import { arch } from "node:os";
import { startEngine } from "../dist/core/engine.js";
import { hash32 } from "../dist/core/random.js";
import { tf } from "../dist/core/tf.js";
import { addLora } from "../dist/models/lora.js";
import { modelTypeOf } from "../dist/models/registry.js";
import { weightShapes } from "../dist/models/shapes.js";
import { trainSft } from "../dist/train/sft.js";

const { config: raw, batch, time, rank, alpha, learningRate, warmUpSteps, timedSteps, recompute } = JSON.parse(process.argv[2]);
const engine = await startEngine();
const model = addLora(await formulaModel(), { rank, alpha, targets: "all-linear" });
for (const [name, { a }] of model.adapter.modules)
  tf.tidy(() => a.assign(tf.tensor(uniform(`${name}.lora_A`, a.size, 1 / Math.sqrt(a.shape[1])), a.shape)));
const rows = Array.from({ length: batch }, (_, i) => {
  const ids = Array.from(bits(`row ${i}`, time), (value) => Math.floor((value / 2 ** 32) * raw.vocab_size));
  return { ids, targets: ids.map(() => 1), segments: ids.map(() => 1), positions: ids.map((_, t) => t) };
});
const options = { steps: warmUpSteps + timedSteps, batch, learningRate, schedule: "constant", maxGradNorm: 1, recompute };
const losses = [];
const seconds = [];
for await (const event of trainSft(model, rows, options)) {
  if (event.kind !== "step") continue;
  losses.push(event.loss);
  seconds.push((batch * time) / event.tokensPerSecond);
}
const about = {
  engine: engine.name,
  device: engine.device,
  tfjs: tf.version.tfjs ?? tf.version_core,
  node: process.version,
  arch: arch(),
  parameters: parametersOf(model),
};
console.log(JSON.stringify({ losses, seconds, peakBytes: process.resourceUsage().maxRSS * 1024, about }));

async function formulaModel() {
  const type = await modelTypeOf(raw.model_type);
  const config = type.config(raw);
  const weights = new Map();
  for (const [name, shape] of weightShapes(type, config)) weights.set(name, tf.tensor(initial(name, shape, config.layers), shape));
  return { type, config, weights, adapter: null, tokenizer: null, source: { name: "(formula)", revision: null } };
}

/** GPT-2's sizes: spread 0.02, less where a block writes to the residual stream. The twin of `initial` in peers/peft-step.py. */
function initial(name, shape, layers) {
  const size = shape.reduce((a, b) => a * b, 1);
  if (shape.length === 1) return new Float32Array(size).fill(name.endsWith(".bias") ? 0 : 1);
  const spread = name.endsWith("c_proj.weight") ? 0.02 / Math.sqrt(2 * layers) : 0.02;
  return uniform(name, size, spread * Math.sqrt(3));
}

/** Numbers in [−bound, bound). */
function uniform(name, size, bound) {
  const values = new Float32Array(size);
  const whole = bits(name, size);
  for (let i = 0; i < size; i++) values[i] = (whole[i] / 2 ** 31 - 1) * bound;
  return values;
}

/** Whole numbers in [0, 2^32): MurmurHash3's last steps on a counter that starts at the hash of the name. */
function bits(name, size) {
  const values = new Uint32Array(size);
  const start = hash32(name);
  for (let i = 0; i < size; i++) {
    let x = (start + Math.imul(i, 0x9e3779b1)) | 0;
    x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
    x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
    values[i] = x ^ (x >>> 16);
  }
  return values;
}

function parametersOf({ weights, adapter }) {
  const count = (tensors) => tensors.reduce((sum, { size }) => sum + size, 0);
  return { frozen: count([...weights.values()]), trained: count([...adapter.modules.values()].flatMap(({ a, b }) => [a, b])) };
}
