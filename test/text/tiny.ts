import { readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../../src/setup/paths.mjs";
import type { Message } from "../../src/text/messages.js";
import { makeTokenizer, type Tokenizer } from "../../src/text/tokenizer.js";

type Decoding = { ids: number[]; decoded: string; whole: string };
type Encoding = Decoding & { text: string; plain: number[] };
type Rendering = { conversation: string; prompt: boolean };

/** Values of the Rust tokenizers and of transformers, made by test/reference/text.py. `null` where the template refuses. */
export const reference = JSON.parse(readFileSync(join(root, "test", "reference", "text.json"), "utf8")) as {
  tokenizers: Record<
    "bytes" | "pieces",
    { json: Record<string, unknown>; config: Record<string, unknown>; encodings: Encoding[]; decodings: Decoding[] }
  >;
  now: [number, number, number, number, number];
  tokens: Record<string, string>;
  conversations: Record<string, Message[]>;
  templates: Record<"marked" | "strict" | "thinking" | "bare", { source: string; renderings: (Rendering & { text: string | null })[] }>;
  hashed: Record<string, (Rendering & { sha256: string | null })[]>;
};

/** A tokenizer of some 300 tokens: `bytes` as GPT-2's (no BOS in front), `pieces` as Llama's (BOS, a space in front, byte fallback). */
export function tinyTokenizer(name: "bytes" | "pieces"): Tokenizer {
  const { json, config } = reference.tokenizers[name];
  return makeTokenizer(json, config);
}
