import type { Results } from "../core/compile/compile.js";
import { tf } from "../core/tf.js";
import type { CausalLM } from "../models/model.js";
import type { Decoding, Start } from "./decoding.js";
import { readPrompts } from "./prompt.js";
import { nextResults } from "./step.js";

/** Decoding in plain operations, for any engine. */
export function startPortable(model: CausalLM, { prompts, places, chooser }: Start): { decoding: Decoding; results: Results } {
  const { cache, logits } = readPrompts(model, prompts);
  try {
    cache.select(places);
    const results = tf.tidy(() => chooser.reduce(tf.gather(logits, tf.tensor1d([...places], "int32"))));
    const decoding = {
      next: (ids: readonly number[]) => nextResults(model, cache, ids, chooser),
      select: (rows: readonly number[]) => cache.select(rows),
      dispose: () => cache.dispose(),
    };
    return { decoding, results };
  } catch (error) {
    cache.dispose();
    throw error;
  } finally {
    logits.dispose();
  }
}
