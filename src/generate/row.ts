import { Random } from "../core/random.js";
import { streamDecoder } from "../text/stream-decoder.js";
import type { Tokenizer } from "../text/tokenizer.js";
import type { Choice } from "./choose.js";
import type { GenerateSettings } from "./options.js";
import { chooseToken, logProbOf } from "./sampling.js";
import { stopText } from "./stop-text.js";

/** One generated text. */
export type Generation = {
  /** Index of its prompt in the list. */
  prompt: number;
  /** From 0 to `candidates` - 1. */
  candidate: number;
  /** All generated ids, with the one that ended it. */
  ids: number[];
  /** What they add to the prompt's text, without special tokens, cut before a stop text; empty without a tokenizer. */
  text: string;
  stop: "eos" | "stop" | "length";
  /** How many tokens of the prompt did not fit. */
  truncated: number;
  /** Sum of the ids' log-probabilities under the model itself, before penalty, temperature and filters, in nats. Only with `logProbs`. */
  logProb?: number;
};

/** A text in the making. */
export type Row = {
  prompt: number;
  candidate: number;
  promptIds: number[];
  ids: number[];
  /** Chooses the next token from this row's logits, which it changes. */
  choose(logits: Float32Array): Choice;
  /** Adds the next token and returns the text that is final by it. */
  next(choice: Choice): string;
  /** The result once it is finished; `null` before. */
  result(): Generation | null;
};

export function startRow(tokenizer: Tokenizer | null, settings: GenerateSettings, prompt: number, candidate: number): Row {
  const { sampling, eos, stops, maxNewTokens, logProbs } = settings;
  const { ids: promptIds, truncated } = settings.prompts[prompt]!;
  const random = new Random(`${settings.streams[prompt]}/${candidate}`);
  const seen = new Set(promptIds);
  const ids: number[] = [];
  const output = textOutput(tokenizer, promptIds.at(-1)!, settings.stopTexts);
  let text = "";
  let logProb = 0;
  let stop: Generation["stop"] | null = null;

  const write = (id: number): string => {
    if (eos.has(id)) stop = "eos";
    else if (stops.has(id)) stop = "stop";
    else {
      const { text: piece, stopped } = output.push(id);
      if (stopped) stop = "stop";
      else if (ids.length === maxNewTokens) stop = "length";
      if (stopped || !stop) return piece;
      return piece + output.end();
    }
    return output.end();
  };
  return {
    prompt,
    candidate,
    promptIds,
    ids,
    choose(logits) {
      const raw = logProbs ? logits.slice() : null;
      const id = chooseToken(logits, seen, sampling, random);
      return { id, logProb: raw ? logProbOf(raw, id) : 0 };
    },
    next({ id, logProb: own }) {
      logProb += own;
      ids.push(id);
      seen.add(id);
      const piece = write(id);
      text += piece;
      return piece;
    },
    result: () => stop && { prompt, candidate, ids, text, stop, truncated, ...(logProbs ? { logProb } : {}) },
  };
}

type TextOutput = { push(id: number): { text: string; stopped: boolean }; end(): string };

function textOutput(tokenizer: Tokenizer | null, promptEnd: number, stops: readonly string[]): TextOutput {
  if (!tokenizer) return { push: () => ({ text: "", stopped: false }), end: () => "" };
  const decoder = streamDecoder(tokenizer);
  // With the prompt's last token before it, the first token keeps its space.
  decoder.push(promptEnd);
  const stopping = stopText(stops);
  return {
    push: (id) => stopping.push(decoder.push(id)),
    end() {
      const { text, stopped } = stopping.push(decoder.end());
      return stopped ? text : text + stopping.end();
    },
  };
}
