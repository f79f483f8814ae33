import { breathe, cellSignal } from "../core/interrupt.js";
import { type Inputs, padRows } from "../models/forward.js";
import type { CausalLM } from "../models/model.js";
import { KeyValueCache, nextLogits } from "./cache.js";
import { type GenerateOptions, type GenerateSettings, generateSettings } from "./options.js";
import { type Generation, type Row, startRow } from "./row.js";

export type GenerateEvent =
  /** A token; `text` is what became final by it, so the texts of one row, joined, are its generation's text. */
  { kind: "token"; prompt: number; candidate: number; id: number; text: string } | { kind: "done"; generation: Generation };

/**
 * Continues prompts, given as token ids, and yields every token as it comes. Prompts are decoded in batches of similar length, the longest
 * first; a finished row leaves its batch at once. Memory is freed at the end, also on `break` and throw.
 * @throws RangeError for options out of range; the signal's reason where it aborts.
 */
export async function* generate(
  model: CausalLM,
  prompts: readonly (readonly number[])[],
  options: GenerateOptions = {},
): AsyncGenerator<GenerateEvent, void> {
  const settings = generateSettings(model, prompts, options);
  const { signal = cellSignal(), onProgress } = options;
  const total = prompts.length * settings.candidates;
  const started = performance.now();
  let [finished, tokens] = [0, 0];
  for (const batch of batches(model, settings)) {
    const cache = new KeyValueCache();
    try {
      signal?.throwIfAborted();
      let rows = batch;
      let logits = await firstLogits(model, cache, rows);
      while (rows.length > 0) {
        const going: number[] = [];
        for (const [i, row] of rows.entries()) {
          const text = row.next(logits[i]!);
          tokens++;
          yield { kind: "token", prompt: row.prompt, candidate: row.candidate, id: row.ids.at(-1)!, text };
          const generation = row.result();
          if (!generation) going.push(i);
          else {
            finished++;
            yield { kind: "done", generation };
          }
        }
        onProgress?.({ finished, total, tokens, seconds: (performance.now() - started) / 1000 });
        rows = going.map((i) => rows[i]!);
        if (rows.length === 0) break;
        await breathe(signal);
        cache.select(going);
        logits = await logitRows(model, cache, lastTokens(rows));
      }
    } finally {
      cache.dispose();
    }
  }
}

/** Continues prompts and returns the texts in the order of the prompts; with `candidates` k, those of prompt i are k·i to k·i + k - 1. */
export async function generateAll(
  model: CausalLM,
  prompts: readonly (readonly number[])[],
  options: GenerateOptions = {},
): Promise<Generation[]> {
  const { candidates = 1 } = options;
  const results: Generation[] = [];
  for await (const event of generate(model, prompts, options)) {
    if (event.kind === "done") results[event.generation.prompt * candidates + event.generation.candidate] = event.generation;
  }
  return results;
}

/** Rows of similar prompt length together, the candidates of a prompt beside each other. */
function* batches({ tokenizer }: CausalLM, settings: GenerateSettings): Generator<Row[]> {
  const { prompts, candidates, batchSize } = settings;
  const order = [...prompts.keys()].sort((a, b) => prompts[b]!.ids.length - prompts[a]!.ids.length || a - b);
  const places = order.flatMap((prompt) => Array.from({ length: candidates }, (_, candidate) => ({ prompt, candidate })));
  for (let i = 0; i < places.length; i += batchSize) {
    yield places.slice(i, i + batchSize).map(({ prompt, candidate }) => startRow(tokenizer, settings, prompt, candidate));
  }
}

/** Reads each prompt once, however many candidates it has, and returns the logits after it for every row. */
async function firstLogits(model: CausalLM, cache: KeyValueCache, rows: readonly Row[]): Promise<Float32Array[]> {
  const prompts = [...new Map(rows.map((row) => [row.prompt, row.promptIds]))];
  const places = rows.map((row) => prompts.findIndex(([prompt]) => prompt === row.prompt));
  // Padding is never looked at, so its id does not matter.
  const inputs = padRows(
    prompts.map(([, ids]) => ids),
    { padId: 0, side: "left" },
  );
  const logits = await logitRows(model, cache, inputs);
  cache.select(places);
  return places.map((place) => logits[place]!.slice());
}

async function logitRows(model: CausalLM, cache: KeyValueCache, inputs: Inputs): Promise<Float32Array[]> {
  const logits = nextLogits(model, cache, inputs);
  try {
    const values = (await logits.data()) as Float32Array;
    const vocab = values.length / inputs.batch;
    return Array.from({ length: inputs.batch }, (_, i) => values.subarray(i * vocab, (i + 1) * vocab));
  } finally {
    logits.dispose();
  }
}

/** The newest token of each row, at its own position. */
function lastTokens(rows: readonly Row[]): Inputs {
  return {
    batch: rows.length,
    time: 1,
    ids: Int32Array.from(rows, (row) => row.ids.at(-1)!),
    segments: new Int32Array(rows.length).fill(1),
    positions: Int32Array.from(rows, (row) => row.promptIds.length + row.ids.length - 1),
  };
}
