// One point of growth.mjs: `node growth-point.mjs AXIS SIZE ROUNDS`. The last line of output is the point as JSON.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { rowStream } from "../dist/data/row-stream.js";
import * as eq from "../dist/index.js";

const [axis, text, rounds] = process.argv.slice(2);
const size = Number(text);
await eq.startEngine();

const WORK = {
  "model size": () => step({ hidden: size }),
  time: () => step({ time: size, batch: 1 }),
  batch: () => step({ batch: size }),
  "data rows": () => packedInMemory(),
  "data rows, streamed": () => packedFromFile(),
  samples: () => samples(),
};
const engine = process.memoryUsage().rss;
const { run, units = size, end = () => {} } = await WORK[axis]();
// The weights count where their number is what grows; else what the work itself takes beside them.
const before = axis === "model size" ? engine : process.memoryUsage().rss;
await run(); // compiles, fills caches
const seconds = [];
for (let round = 0; round < Number(rounds); round++) {
  const started = performance.now();
  await run();
  seconds.push((performance.now() - started) / 1000);
}
end();
seconds.sort((a, b) => a - b);
const bytes = process.resourceUsage().maxRSS * 1024 - before;
console.log(JSON.stringify({ size: units, seconds: seconds[Math.floor(seconds.length / 2)], bytes }));

/** LoRA updates of a four-block GPT-2; the unit of "model size" is parameters. */
async function step({ hidden = 256, time = 128, batch = 4 }) {
  const config = { model_type: "gpt2", vocab_size: 2048, n_embd: hidden, n_head: hidden / 64, n_layer: 4, n_positions: 1024 };
  const base = await eq.createModel(config, { seed: 0 });
  const model = eq.addLora(base, { rank: 8, seed: 0 });
  const random = new eq.Random(0);
  const rows = Array.from({ length: batch }, () => {
    const ids = Int32Array.from({ length: time }, () => random.integer(config.vocab_size));
    return { ids, targets: ids.map(() => 1), segments: ids.map(() => 1), positions: ids.map((_, i) => i) };
  });
  const run = async () => {
    for await (const event of eq.trainSft(model, rows, { steps: 3, batch, learningRate: 1e-4 })) void event;
  };
  return { run, ...(axis === "model size" ? { units: eq.parameterCount(base.type, base.config) } : {}) };
}

function tokenizer() {
  const read = (name) => JSON.parse(readFileSync(join(eq.world("model"), name), "utf8"));
  return eq.makeTokenizer(read("tokenizer.json"), read("tokenizer_config.json"));
}

/** Conversations of the embedded world, over and over, each time with another number in it. */
async function conversations() {
  const { esconv, empathetic } = await eq.openData();
  const all = [...esconv, ...empathetic].map(({ messages }) => messages.map(({ role, content }) => ({ role, content })));
  return function* () {
    for (let i = 0; i < size; i++) yield all[i % all.length].map((turn) => ({ ...turn, content: `${i}. ${turn.content}` }));
  };
}

async function packedInMemory() {
  const [each, ours] = [await conversations(), tokenizer()];
  return {
    run: () =>
      eq.conversationRows(
        Array.from(each(), (messages) => ({ messages })),
        ours,
        eq.plainTemplate,
        { length: 256 },
      ),
  };
}

async function packedFromFile() {
  const [each, ours] = [await conversations(), tokenizer()];
  const folder = mkdtempSync(join(tmpdir(), "eqlab-growth-"));
  for (const messages of each()) writeFileSync(join(folder, "all.jsonl"), `${JSON.stringify({ messages })}\n`, { flag: "a" });
  const source = await eq.openSource(folder, "dataset");
  const run = async () => {
    for await (const { row } of rowStream(source, ["all.jsonl"], ours, eq.plainTemplate, { length: 256, window: 1000 })) void row;
  };
  return { run, end: () => rmSync(folder, { recursive: true }) };
}

async function samples() {
  const config = { model_type: "gpt2", vocab_size: 2048, n_embd: 256, n_head: 4, n_layer: 4, n_positions: 256 };
  const model = await eq.createModel(config, { seed: 0, tokenizer: tokenizer() });
  const prompt = Array.from({ length: 64 }, (_, i) => i + 5);
  const options = { candidates: size, batchSize: size, maxNewTokens: 32, temperature: 1, seed: 0, eosIds: [] };
  return { run: () => eq.generateAll(model, [prompt], options) };
}
