import type { Results } from "../core/compile/compile.js";
import { isNative } from "../core/engine.js";
import { breathe, cellSignal } from "../core/interrupt.js";
import type { CausalLM } from "../models/model.js";
import { type Chooser, chooserFor } from "./choose.js";
import { type Decoding, startDecoding } from "./decoding.js";
import { type GenerateOptions, type GenerateSettings, generateSettings } from "./options.js";
import { type Generation, type Row, startRow } from "./row.js";

export type GenerateEvent =
  /** A token; `text` is what became final by it, so the texts of one row, joined, are its generation's text. */
  { kind: "token"; prompt: number; candidate: number; id: number; text: string } | { kind: "done"; generation: Generation };

/**
 * Continues prompts, given as token ids, and yields every token as it comes. Prompts are decoded in batches of similar length, the longest
 * first; a batch shrinks as its rows finish. Memory is freed at the end, also on `break` and throw.
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
  const chooser = chooserFor(settings.sampling, settings.logProbs);
  for (const batch of batches(model, settings)) {
    signal?.throwIfAborted();
    // Finished rows keep their places until the batch shrinks.
    let rows = batch;
    const { decoding, results: first } = readRows(model, rows, settings.maxNewTokens, chooser);
    let results = first;
    try {
      for (;;) {
        for (const [i, choice] of (await chooser.choose(results, rows)).entries()) {
          if (!choice) continue;
          const row = rows[i]!;
          const text = row.next(choice);
          tokens++;
          yield { kind: "token", prompt: row.prompt, candidate: row.candidate, id: choice.id, text };
          const generation = row.result();
          if (!generation) continue;
          finished++;
          yield { kind: "done", generation };
        }
        onProgress?.({ finished, total, tokens, seconds: (performance.now() - started) / 1000 });
        const kept = keptPlaces(rows);
        if (kept.length === 0) break;
        await breathe(signal);
        decoding.select(kept);
        rows = kept.map((i) => rows[i]!);
        results = decoding.next(rows.map((row) => row.ids.at(-1)!));
      }
    } finally {
      decoding.dispose();
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

/** Reads each prompt once, however many candidates it has. */
function readRows(model: CausalLM, rows: readonly Row[], room: number, chooser: Chooser): { decoding: Decoding; results: Results } {
  const prompts = [...new Map(rows.map((row) => [row.prompt, row.promptIds]))];
  const places = rows.map((row) => prompts.findIndex(([prompt]) => prompt === row.prompt));
  return startDecoding(model, { prompts: prompts.map(([, ids]) => ids), places, room, chooser });
}

/**
 * The places of the rows that go on; on the native engine with as many finished ones as make the next power of two, so that few shapes have to be
 * compiled.
 */
function keptPlaces(rows: readonly Row[]): number[] {
  const going = [...rows.keys()].filter((i) => !rows[i]!.result());
  if (!isNative() || going.length === 0) return going;
  const size = Math.min(rows.length, 2 ** Math.ceil(Math.log2(going.length)));
  const over = [...rows.keys()].filter((i) => rows[i]!.result());
  return [...going, ...over.slice(0, size - going.length)];
}
