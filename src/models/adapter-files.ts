import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expected, FormatError } from "../core/errors.js";
import { type Tensor2D, tf } from "../core/tf.js";
import type { HubOptions } from "../files/hub.js";
import { readJson } from "../files/json.js";
import { fromFloat32, openSafetensors, type Safetensors, type TensorToWrite, toFloat32, writeSafetensors } from "../files/safetensors.js";
import { type FileSource, openSource } from "../files/source.js";
import { replaceFolder } from "../files/write.js";
import type { LoraPair } from "../nn/lora.js";
import { targetModules, trainableMatrix } from "./lora.js";
import type { Adapter, CausalLM, LoraConfig } from "./model.js";

/** PEFT's prefix of every key; a wrong one makes PEFT load an adapter of zeros with only a warning. */
const PREFIX = "base_model.model.";

export const TRAINING_FILE = "training.json";

export type AdapterNotes = {
  /** For a README.md. */
  card?: string;
  /** What it takes to train it again, for training.json; see `trainingRecord`. */
  training?: object;
};

/** Writes the adapter as PEFT does: adapter_config.json and adapter_model.safetensors (F32), and beside them what the notes say. The folder is replaced as a whole. */
export async function saveAdapter(model: CausalLM, folder: string, { card = "", training }: AdapterNotes = {}): Promise<void> {
  const { adapter } = model;
  if (!adapter) throw new Error("saveAdapter: expected a model with an adapter. Add one with addLora");
  const tensors = new Map<string, TensorToWrite>();
  for (const [name, { a, b }] of adapter.modules) {
    for (const [key, matrix] of [
      ["lora_A", a],
      ["lora_B", b],
    ] as const) {
      tensors.set(`${PREFIX}${name}.${key}.weight`, {
        dtype: "F32",
        shape: matrix.shape,
        data: async () => fromFloat32((await matrix.data()) as Float32Array, matrix.shape, "F32").data,
      });
    }
  }
  await replaceFolder(folder, async (temporary) => {
    await writeFile(join(temporary, "adapter_config.json"), `${JSON.stringify(peftConfig(model, adapter.config), null, 2)}\n`);
    await writeSafetensors(join(temporary, "adapter_model.safetensors"), tensors);
    if (card) await writeFile(join(temporary, "README.md"), card);
    if (training) await writeFile(join(temporary, TRAINING_FILE), `${JSON.stringify(training, null, 2)}\n`);
  });
}

function peftConfig(
  { type, source }: CausalLM,
  { rank, alpha, dropout, targets, rankStabilised, base }: LoraConfig,
): Record<string, unknown> {
  return {
    peft_type: "LORA",
    task_type: "CAUSAL_LM",
    base_model_name_or_path: base,
    revision: source.revision,
    inference_mode: true,
    r: rank,
    lora_alpha: alpha,
    lora_dropout: dropout,
    target_modules: targets,
    fan_in_fan_out: type.layout === "in-out",
    use_rslora: rankStabilised,
    use_dora: false,
    bias: "none",
    init_lora_weights: true,
    lora_bias: false,
    modules_to_save: null,
    rank_pattern: {},
    alpha_pattern: {},
  };
}

/**
 * The model with an adapter that PEFT or this library wrote. Frozen, unless `trainable`. Free it with `disposeAdapter`.
 * @throws FormatError for kinds of adapter that are not supported (DoRA, biases, saved modules, rank patterns) or that do not fit the model.
 */
export async function loadAdapter(
  model: CausalLM,
  folderOrId: string | FileSource,
  { trainable = false, ...options }: HubOptions & { trainable?: boolean } = {},
): Promise<CausalLM> {
  const source = typeof folderOrId === "string" ? await openSource(folderOrId, "model", options) : folderOrId;
  const config = loraConfig(await readJson(source, "adapter_config.json"), source.name);
  const file = await openSafetensors(source, "adapter_model.safetensors");
  const modules = new Map<string, LoraPair>();
  const made: Tensor2D[] = [];
  const expectedKeys = new Set<string>();
  try {
    for (const { name, in: inputs, out } of targetModules(model, config.targets)) {
      const matrix = async (key: string, shape: [number, number]): Promise<Tensor2D> => {
        const full = `${PREFIX}${name}.${key}.weight`;
        expectedKeys.add(full);
        const values = await readMatrix(file, full, shape, source.name);
        const tensor = trainable ? trainableMatrix(values, shape) : tf.tensor2d(values, shape);
        made.push(tensor);
        return tensor;
      };
      modules.set(name, { a: await matrix("lora_A", [config.rank, inputs]), b: await matrix("lora_B", [out, config.rank]) });
    }
    const superfluous = [...file.entries.keys()].filter((key) => !expectedKeys.has(key));
    if (superfluous.length > 0)
      throw new FormatError(
        `${source.name}: expected only the tensors of the targets in adapter_config.json, got ${superfluous.length} more, such as ${superfluous[0]}`,
      );
  } catch (error) {
    tf.dispose(made);
    throw error;
  }
  const adapter: Adapter = { config, modules };
  return { ...model, adapter };
}

async function readMatrix(file: Safetensors, key: string, shape: [number, number], where: string): Promise<Float32Array> {
  if (!file.entries.has(key)) throw new FormatError(`${where}: expected a tensor ${key}, got none. Was the adapter made for this model?`);
  const tensor = await file.read(key);
  if (tensor.shape.join() !== shape.join())
    throw new FormatError(expected(`${where} ${key}`, `shape [${shape}]`, `[${tensor.shape}]`, "Was the adapter made for this model?"));
  return toFloat32(tensor);
}

function loraConfig(raw: Record<string, unknown>, where: string): LoraConfig {
  const refuse = (name: string, what: string) => {
    throw new FormatError(expected(`adapter_config.json of ${where}: ${name}`, what, raw[name]));
  };
  if (raw.peft_type !== "LORA") refuse("peft_type", '"LORA"');
  if (raw.use_dora) refuse("use_dora", "false (DoRA is not supported)");
  if (raw.lora_bias || (raw.bias ?? "none") !== "none") refuse("bias", '"none"');
  if (Array.isArray(raw.modules_to_save) && raw.modules_to_save.length > 0) refuse("modules_to_save", "none");
  for (const name of ["rank_pattern", "alpha_pattern"])
    if (Object.keys((raw[name] as object | null) ?? {}).length > 0) refuse(name, "an empty object");
  for (const name of ["r", "lora_alpha"]) if (typeof raw[name] !== "number") refuse(name, "a number");
  const targets = raw.target_modules;
  if (targets !== "all-linear" && !Array.isArray(targets)) refuse("target_modules", 'a list of names or "all-linear"');
  return {
    rank: raw.r as number,
    alpha: raw.lora_alpha as number,
    dropout: Number(raw.lora_dropout ?? 0),
    targets: targets as string[] | "all-linear",
    rankStabilised: raw.use_rslora === true,
    seed: 0,
    base: String(raw.base_model_name_or_path ?? ""),
  };
}
