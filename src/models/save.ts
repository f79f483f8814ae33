import { copyFile, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fromFloat32, type TensorToWrite, writeSafetensors } from "../files/safetensors.js";
import { replaceFolder } from "../files/write.js";
import { dequantized } from "../nn/quantized.js";
import type { CausalLM } from "./model.js";

const TORCH_NAMES = { F32: "float32", F16: "float16", BF16: "bfloat16" } as const;

/**
 * Writes a model as a Hugging Face folder: config.json, model.safetensors and the tokenizer's files, copied from `tokenizerFolder` if given.
 * Quantised weights are written as the numbers that they stand for. An adapter is not written (see `saveAdapter`, `mergeAdapter`). The folder is replaced as a whole.
 */
export async function saveModel(
  model: CausalLM,
  folder: string,
  {
    dtype = "F32",
    tokenizerFolder,
    extra = {},
  }: {
    dtype?: "F32" | "F16" | "BF16";
    tokenizerFolder?: string;
    /** Further files, by name. */
    extra?: Record<string, string>;
  } = {},
): Promise<void> {
  const tensors = new Map<string, TensorToWrite>();
  for (const [name, weight] of model.weights) {
    const data = async () => fromFloat32((await weight.data()) as Float32Array, weight.shape, dtype).data;
    tensors.set(name, { dtype, shape: weight.shape, data });
  }
  for (const [name, weight] of model.quantized ?? []) {
    const data = async () => {
      const matrix = dequantized(weight);
      try {
        return fromFloat32((await matrix.data()) as Float32Array, matrix.shape, dtype).data;
      } finally {
        matrix.dispose();
      }
    };
    tensors.set(name, { dtype, shape: [...weight.shape], data });
  }
  await replaceFolder(folder, async (temporary) => {
    await mkdir(temporary, { recursive: true });
    await writeFile(join(temporary, "config.json"), `${JSON.stringify({ ...model.config.raw, dtype: TORCH_NAMES[dtype] }, null, 2)}\n`);
    await writeSafetensors(join(temporary, "model.safetensors"), tensors);
    for (const file of tokenizerFolder ? ["tokenizer.json", "tokenizer_config.json"] : [])
      await copyFile(join(tokenizerFolder!, file), join(temporary, file));
    for (const [file, text] of Object.entries(extra)) await writeFile(join(temporary, file), text);
  });
}
