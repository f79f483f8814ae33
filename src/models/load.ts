import { startEngine } from "../core/engine.js";
import { expected, FormatError, NotFoundError } from "../core/errors.js";
import { type Tensor, tf } from "../core/tf.js";
import type { HubOptions } from "../files/hub.js";
import { readJson } from "../files/json.js";
import { openSafetensors, type Safetensors } from "../files/safetensors.js";
import { readFloat32, reusedMemory, tensorMemory } from "../files/safetensors-float32.js";
import { type FileSource, openSource } from "../files/source.js";
import { type QuantizedWeight, quantize, tensorsOf } from "../nn/quantized.js";
import { makeTokenizer, type Tokenizer } from "../text/tokenizer.js";
import type { CausalLM, ModelConfig, ModelType } from "./model.js";
import { modelTypeOf } from "./registry.js";
import { weightShapes } from "./shapes.js";

export type LoadOptions = HubOptions & {
  onWeight?: (progress: { name: string; loaded: number; total: number }) => void;
  /**
   * How the blocks' linear weights are held, which stay frozen: 32, about 8 or about 4 bits a value (see nn/quantized-values.ts). Embeddings and norms
   * are always f32.
   */
  precision?: "f32" | QuantizedWeight["kind"];
};

/**
 * Loads a causal language model with its tokenizer from a Hugging Face folder or a Hub id: config.json, safetensors (one file or sharded; F32, F16 or
 * BF16, held as f32 unless `precision` says otherwise), tokenizer.json. All weights are frozen. Free it with `disposeModel`.
 * @throws FormatError where weights are missing, superfluous or of another shape than the config says.
 */
export async function loadModel(folderOrId: string | FileSource, options: LoadOptions = {}): Promise<CausalLM> {
  await startEngine();
  const source = typeof folderOrId === "string" ? await openSource(folderOrId, "model", options) : folderOrId;
  const raw = await readJson(source, "config.json");
  const type = await modelTypeOf(raw.model_type);
  const config = type.config(raw);
  const files = await openWeights(source);
  const shapes = weightShapes(type, config);
  checkNames(source, type, files, shapes);
  const held = await readWeights(source, type, config, files, shapes, options);
  return {
    type,
    config,
    ...held,
    adapter: null,
    tokenizer: await readTokenizer(source),
    source: { name: source.name, revision: source.revision },
  };
}

/** All weights, one after another; no more than one is in memory as the file holds it. */
async function readWeights(
  source: FileSource,
  type: ModelType,
  config: ModelConfig,
  files: Map<string, Safetensors>,
  shapes: Map<string, number[]>,
  { precision = "f32", onWeight }: LoadOptions,
): Promise<{ weights: Map<string, Tensor>; quantized: Map<string, QuantizedWeight> }> {
  if (!["f32", "int8", "nf4"].includes(precision)) throw new RangeError(expected("precision", '"f32", "int8" or "nf4"', precision));
  const packed = precision === "f32" ? new Set<string>() : linearWeights(type, config);
  const weights = new Map<string, Tensor>();
  const quantized = new Map<string, QuantizedWeight>();
  const [kept, reused] = [tensorMemory(), reusedMemory()];
  try {
    for (const [name, shape] of shapes) {
      const stored = storedName(name, type, files);
      const file = files.get(stored)!;
      const found = file.entries.get(stored)!.shape;
      if (found.join() !== shape.join())
        throw new FormatError(expected(`${source.name} weight ${stored}`, `shape [${shape}] as config.json says`, `[${found}]`));
      const isPacked = packed.has(name);
      const values = await readFloat32(file, stored, isPacked ? reused : kept);
      if (isPacked) {
        const [rows, columns] = shape as [number, number];
        const channels = type.layout === "out-in" ? "rows" : "columns";
        quantized.set(name, quantize(values, [rows, columns], precision as QuantizedWeight["kind"], channels, kept));
      } else weights.set(name, tf.tensor(values, shape));
      onWeight?.({ name, loaded: weights.size + quantized.size, total: shapes.size });
    }
  } catch (error) {
    tf.dispose([...weights.values(), ...[...quantized.values()].flatMap(tensorsOf)]);
    throw error;
  }
  return { weights, quantized };
}

/** Names of the blocks' linear weights. */
function linearWeights(type: ModelType, config: ModelConfig): Set<string> {
  const blocks = Array.from({ length: config.layers }, (_, i) => type.block(i));
  return new Set(blocks.flatMap((block) => type.linears(config).map(({ name }) => `${block}${name}.weight`)));
}

/** The tokenizer of a model folder; `null` where there is no tokenizer.json. */
export async function readTokenizer(source: FileSource): Promise<Tokenizer | null> {
  if (!(await source.has("tokenizer.json"))) return null;
  const settings = (await source.has("tokenizer_config.json")) ? await readJson(source, "tokenizer_config.json") : {};
  // Newer checkpoints keep the chat template in a file of its own.
  if ((await source.has("chat_template.jinja")) && !settings.chat_template)
    settings.chat_template = new TextDecoder().decode(await source.read("chat_template.jinja"));
  return makeTokenizer(await readJson(source, "tokenizer.json"), settings);
}

/** The open file of every stored tensor, by the tensor's name. */
async function openWeights(source: FileSource): Promise<Map<string, Safetensors>> {
  const index = "model.safetensors.index.json";
  if (await source.has("model.safetensors")) return named([await openSafetensors(source, "model.safetensors")]);
  if (!(await source.has(index))) {
    throw new NotFoundError(
      expected(
        source.name,
        `model.safetensors or ${index}`,
        (await source.list()).slice(0, 8).join(", "),
        "Convert other formats with transformers' save_pretrained",
      ),
    );
  }
  const map = (await readJson(source, index)).weight_map;
  if (typeof map !== "object" || map === null) throw new FormatError(expected(`${index} of ${source.name}`, 'a "weight_map"', map));
  const paths = [...new Set(Object.values(map as Record<string, string>))];
  return named(await Promise.all(paths.map((path) => openSafetensors(source, path))));
}

const named = (files: Safetensors[]): Map<string, Safetensors> =>
  new Map(files.flatMap((file) => [...file.entries.keys()].map((name) => [name, file] as const)));

/** Checkpoints of a bare model leave out the type's prefix. */
function storedName(name: string, { prefix }: ModelType, files: Map<string, Safetensors>): string {
  if (files.has(name) || !name.startsWith(prefix)) return name;
  const bare = ![...files.keys()].some((key) => key.startsWith(prefix));
  return bare ? name.slice(prefix.length) : name;
}

/** Buffers that older checkpoints carry along. */
const IGNORED = /(rotary_emb\.inv_freq|attn\.(masked_)?bias)$/;

function checkNames(source: FileSource, type: ModelType, files: Map<string, Safetensors>, shapes: Map<string, number[]>): void {
  const wanted = new Set([...shapes.keys()].map((name) => storedName(name, type, files)));
  const missing = [...wanted].filter((name) => !files.has(name));
  const tied = wanted.has("lm_head.weight") ? [] : ["lm_head.weight"];
  const superfluous = [...files.keys()].filter((name) => !wanted.has(name) && !IGNORED.test(name) && !tied.includes(name));
  if (missing.length === 0 && superfluous.length === 0) return;
  const some = (names: string[]) =>
    names.length === 0 ? "none" : `${names.length} (${names.slice(0, 3).join(", ")}${names.length > 3 ? ", ..." : ""})`;
  throw new FormatError(
    `${source.name}: expected the weights that config.json describes, got ${some(missing)} missing and ${some(superfluous)} superfluous`,
  );
}
