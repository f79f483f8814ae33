import { STRATEGIES } from "../../src/data/esconv.js";
import { type Conversation, conversationOf, type LabelledText, type Split } from "../../src/data/record.js";
import type { CausalLM } from "../../src/models/model.js";
import { formulaModel, noise } from "../formula.js";
import { tinyTokenizer } from "../text/tiny.js";

/** A base model with formula weights and a byte tokenizer: small enough to train heads on in a second. */
export async function tinyModel(): Promise<CausalLM> {
  const tokenizer = tinyTokenizer("bytes");
  const config = { model_type: "gpt2", vocab_size: tokenizer.vocabSize, n_embd: 16, n_head: 2, n_layer: 2, n_positions: 128 };
  return { ...(await formulaModel(config)), tokenizer };
}

const WORDS: [text: string, label: number][] = [
  ["thank you", 15],
  ["so sad", 25],
  ["ha ha ha", 1],
  ["I wonder", 7],
];

/** Comments of four labels, one word each. */
export function texts(counts: Partial<Record<Split, number>>): LabelledText[] {
  return Object.entries(counts).flatMap(([split, count]) =>
    Array.from(noise(split, count), (value, i) => {
      const [text, label] = WORDS[Math.floor(((value + 1) / 2) * WORDS.length)]!;
      return { id: `${split}/${i}`, source: "tiny", split: split as Split, text: `${text} ${split} ${i}`, labels: [label] };
    }),
  );
}

/** Talks whose replies all have strategies; odd ones merge two turns of different strategies. */
export function talks(counts: Partial<Record<Split, number>>): Conversation[] {
  return Object.entries(counts).flatMap(([split, count]) =>
    Array.from({ length: count }, (_, i) => {
      const about = { id: `${split}/${i}`, source: "tiny", split: split as Split, emotion: null, situation: null };
      const strategy = (turn: number) => STRATEGIES[(i + turn) % 3]!;
      return conversationOf(about, [
        { role: "user", content: `${split} ${i}`, strategy: null },
        { role: "assistant", content: `reply ${strategy(0)}`, strategy: strategy(0) },
        ...(i % 2 === 1 ? [{ role: "assistant" as const, content: "and more", strategy: STRATEGIES[7] }] : []),
        { role: "user", content: "well", strategy: null },
        { role: "assistant", content: `reply ${strategy(1)}`, strategy: strategy(1) },
      ]);
    }),
  );
}
