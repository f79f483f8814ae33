import type { Results } from "../core/compile/compile.js";
import type { CausalLM } from "../models/model.js";
import { hasOwnOperations } from "../nn/fused.js";
import type { Chooser } from "./choose.js";
import { startPortable } from "./portable.js";
import { startInSlots } from "./slots.js";

/** Rows of text in the making, and what the model remembers of them. Owned by who started it: `dispose` it in `finally`. */
export type Decoding = {
  /** Passes one token of each row through the model and returns what the chooser computes of the logits after it. Owned by the caller. */
  next(ids: readonly number[]): Results;
  /** Keeps the given rows in the given order. */
  select(rows: readonly number[]): void;
  dispose(): void;
};

export type Start = {
  /** Each is read once. */
  prompts: readonly (readonly number[])[];
  /** The prompt of each row. */
  places: readonly number[];
  /** How many tokens may follow each prompt. */
  room: number;
  chooser: Chooser;
};

/** Reads prompts. `results`: what the chooser computes of the logits after the prompt of each row; owned by the caller, as the decoding is. */
export const startDecoding = (model: CausalLM, start: Start): { decoding: Decoding; results: Results } =>
  (hasOwnOperations() ? startInSlots : startPortable)(model, start);
