import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { NotFoundError } from "../core/errors.js";
import { loadAdapter } from "../models/adapter-files.js";
import type { CausalLM } from "../models/model.js";
import { readTrainingRecord, type TrainingRecord } from "../train/record.js";
import { seedFolder, VARIANT_FOLDERS } from "./variant-folders.js";

/** The model that nothing was trained into. */
export const BASE_VARIANT = "Base";

/** What is compared. A name may come once for each seed of its training. */
export type Variant = { name: string; seed: number; model: CausalLM; training: TrainingRecord | null };

/**
 * The base model and all adapters below `out`, for each seed of which there is one. Free the adapters with `disposeAdapter`.
 * @throws NotFoundError where there is none at all.
 */
export async function loadVariants(base: CausalLM, out: string): Promise<Variant[]> {
  const variants: Variant[] = [];
  for (const seed of await seedsIn(out)) {
    const folder = seedFolder(out, seed);
    const own: Variant[] = [];
    for (const [name, variant] of Object.entries(VARIANT_FOLDERS)) {
      const model = await orNull(loadAdapter(base, join(folder, name)));
      if (model) own.push({ name: variant, seed, model, training: await orNull(readTrainingRecord(join(folder, name))) });
    }
    if (own.length > 0) variants.push({ name: BASE_VARIANT, seed, model: base, training: null }, ...own);
  }
  if (variants.length > 0) return variants;
  throw new NotFoundError(
    `${out}: expected an adapter in ${Object.keys(VARIANT_FOLDERS).join(", ")}, got none. Run 01_sft and 03_dpo with this folder first`,
  );
}

async function seedsIn(out: string): Promise<number[]> {
  const names = await readdir(join(out, "seeds")).catch(() => []);
  const others = names.filter((name) => /^[1-9]\d*$/.test(name)).map(Number);
  return [0, ...others.sort((a, b) => a - b)];
}

async function orNull<T>(loading: Promise<T>): Promise<T | null> {
  try {
    return await loading;
  } catch (error) {
    if (error instanceof NotFoundError) return null;
    throw error;
  }
}
