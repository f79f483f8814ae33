import { readdirSync } from "node:fs";
import { expected } from "../core/errors.js";
import type { ModelType } from "./model.js";

const folder = new URL("./types/", import.meta.url);

/** The `model_type`s that can be loaded: one file each in `models/types/`. */
export function modelTypes(): string[] {
  return [...new Set(readdirSync(folder).flatMap((file) => file.match(/^([a-z0-9_]+)\.(js|ts)$/)?.[1] ?? []))].sort();
}

/** @throws RangeError for a `model_type` that has no file. */
export async function modelTypeOf(name: unknown): Promise<ModelType> {
  const known = modelTypes();
  if (typeof name !== "string" || !known.includes(name)) {
    throw new RangeError(
      expected('config.json "model_type"', `one of ${known.join(", ")}`, name, "A new type is one new file in src/models/types"),
    );
  }
  const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
  return ((await import(new URL(`${name}.${extension}`, folder).href)) as { modelType: ModelType }).modelType;
}
