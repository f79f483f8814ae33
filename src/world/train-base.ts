/**
 * Trains the embedded base model from nothing, in full-parameter mode, with this project's own trainer:
 *
 *     npm run build && node dist/world/train-base.js DATA_FOLDER TOKENIZER_FOLDER OUT_FOLDER [--steps 1800] [--resume] [--stop-at STEP]
 *
 * `--from MODEL_FOLDER` goes on from weights instead, with a schedule of its own (`--learning-rate`).
 * Plain text without roles: dialogues line by line, situations, comments. Train splits only; the held-out figure is on the validation splits.
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Random } from "../core/random.js";
import { loadEmpatheticDialogues } from "../data/empathetic-dialogues.js";
import { loadEsconv } from "../data/esconv.js";
import { loadGoEmotions } from "../data/go-emotions.js";
import { type PackedRow, packSequences } from "../data/pack.js";
import type { Split } from "../data/record.js";
import { folderSource } from "../files/source.js";
import { createModel, disposeModel } from "../models/create.js";
import { loadModel, readTokenizer } from "../models/load.js";
import { unfreeze } from "../models/lora.js";
import type { CausalLM } from "../models/model.js";
import { saveModel } from "../models/save.js";
import { parameterCount } from "../models/shapes.js";
import type { Tokenizer } from "../text/tokenizer.js";
import { sftLoss, trainSft } from "../train/sft.js";
import type { SftRow } from "../train/sft-rows.js";

const CONFIG = {
  architectures: ["LlamaForCausalLM"],
  model_type: "llama",
  hidden_act: "silu",
  hidden_size: 256,
  intermediate_size: 704,
  num_hidden_layers: 6,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  head_dim: 64,
  max_position_embeddings: 1024,
  rms_norm_eps: 1e-5,
  rope_theta: 10000,
  tie_word_embeddings: true,
  attention_bias: false,
  mlp_bias: false,
  initializer_range: 0.02,
};

/** Every document of a split: whole dialogues (long ones in parts that fit), situations and comments. */
async function documents(folder: string, split: Split): Promise<string[]> {
  const dialogues = [...(await loadEmpatheticDialogues(folder)), ...(await loadEsconv(folder))].filter((one) => one.split === split);
  const comments = (await loadGoEmotions(folder)).filter((one) => one.split === split).map(({ text }) => text);
  const talks = dialogues.flatMap(({ messages }) => parts(messages.map(({ content }) => content)));
  const situations = dialogues.flatMap(({ situation }) => (situation ? [situation] : []));
  return [...talks, ...new Set(situations), ...new Set(comments)];
}

/** Lines joined into texts of at most about 1,700 characters, which fit a row. */
function parts(lines: string[]): string[] {
  const texts: string[] = [];
  for (const line of lines) {
    const last = texts.at(-1);
    if (last !== undefined && last.length + line.length < 1700) texts[texts.length - 1] = `${last}\n${line}`;
    else texts.push(line);
  }
  return texts;
}

function pack(texts: string[], tokenizer: Tokenizer, length: number, seed: number): PackedRow[] {
  const sequences = texts.map((text) => {
    const ids = [...tokenizer.encode(text), tokenizer.eosId!];
    return { ids, targets: ids.map(() => true) };
  });
  return packSequences(sequences, { length, padId: tokenizer.padId, seed }).rows;
}

/** One endless text with a boundary after each document, cut into rows of `length` tokens: the model sees every position (GPT-2's way). */
function concatenate(texts: string[], tokenizer: Tokenizer, length: number): SftRow[] {
  const all = Int32Array.from(texts.flatMap((text) => tokenizer.encode(text)));
  return Array.from({ length: Math.floor(all.length / length) }, (_, i) => ({
    ids: all.subarray(i * length, (i + 1) * length),
    targets: new Uint8Array(length).fill(1),
    segments: new Int32Array(length).fill(1),
    positions: Int32Array.from({ length }, (_, t) => t),
  }));
}

/** Mean bits per byte of UTF-8 text, the boundary token's cost included. */
async function bitsPerByte(model: CausalLM, texts: string[], tokenizer: Tokenizer): Promise<number> {
  const rows = pack(texts, tokenizer, 512, 0);
  const tokens = rows.reduce((sum, { targets }) => sum + targets.reduce((a, b) => a + b, 0), 0);
  const bytes = texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
  return ((await sftLoss(model, rows, 8)) * tokens) / Math.LN2 / bytes;
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    "stop-at": { type: "string" },
    from: { type: "string" },
    "learning-rate": { type: "string", default: "1.5e-3" },
    steps: { type: "string", default: "1800" },
    resume: { type: "boolean", default: false },
    length: { type: "string", default: "512" },
    batch: { type: "string", default: "4" },
  },
});
const [data, tokenizerFolder, out] = positionals;
if (!data || !tokenizerFolder || !out) throw new Error("train-base: expected DATA_FOLDER TOKENIZER_FOLDER OUT_FOLDER");
const [steps, length, batch] = [values.steps, values.length, values.batch].map(Number) as [number, number, number];

const tokenizer = (await readTokenizer(folderSource(tokenizerFolder)))!;
const special = {
  vocab_size: tokenizer.vocabSize,
  bos_token_id: tokenizer.bosId,
  eos_token_id: tokenizer.eosId,
  pad_token_id: tokenizer.padId,
};
const start = values.from ? await loadModel(values.from) : await createModel({ ...CONFIG, ...special }, { seed: 1, tokenizer });
const model = unfreeze(start);
disposeModel(start);
const train = concatenate(new Random(1).shuffled(await documents(data, "train")), tokenizer, length);
const heldOut = new Random(2).shuffled(await documents(data, "validation"));
console.log(
  `${parameterCount(model.type, model.config)} parameters, ${train.length} rows of ${length} tokens, ${steps} steps of ${batch} rows`,
);

const options = {
  steps,
  batch,
  learningRate: Number(values["learning-rate"]),
  schedule: "cosine" as const,
  warmupSteps: Math.round(steps / 20),
  optimizer: { beta2: 0.98, weightDecay: 0.05 },
  seed: values.from ? 2 : 1,
  evaluation: pack(heldOut.slice(0, 200), tokenizer, 512, 0),
  evaluateEvery: 200,
  checkpoint: { folder: join(out, "checkpoints"), every: 50, resume: values.resume, keep: 1 },
};
const stopAt = Number(values["stop-at"] ?? steps);
for await (const event of trainSft(model, train, options)) {
  if (event.kind === "start" && event.resumedFrom >= stopAt) break;
  if (event.kind === "step" && (event.step % 10 === 0 || event.step < 4))
    console.log(
      `step ${event.step} loss ${event.loss.toFixed(4)} norm ${event.gradNorm.toFixed(2)} ${event.tokensPerSecond.toFixed(0)} tokens/s ${event.seconds.toFixed(0)} s`,
    );
  if (event.kind === "evaluation") console.log(`step ${event.step} held-out loss ${event.loss.toFixed(4)} nats per token`);
  if (event.kind === "checkpoint" && event.step >= stopAt) break;
}
const measured = await bitsPerByte(model, heldOut.slice(0, 3000), tokenizer);
console.log(`held-out: ${measured.toFixed(4)} bits per byte on 3,000 documents of the validation splits`);
await saveModel(model, join(out, "model"), { dtype: "F16", tokenizerFolder });
