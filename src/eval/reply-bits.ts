import { packing } from "../data/conversation-rows.js";
import { packSequences } from "../data/pack.js";
import { labelledRows } from "../losses/labelled.js";
import type { CausalLM } from "../models/model.js";
import { encodeConversation } from "../text/mask.js";
import type { ChatTemplate } from "../text/template.js";
import { sftLoss } from "../train/sft.js";
import { stackRows } from "../train/sft-rows.js";
import type { HumanItem } from "./human-items.js";

/** Tokens of a row, and rows that pass through the model together. */
const [LENGTH, ROWS] = [512, 4];

/**
 * Bits that the model needs for people's replies, each after its dialogue, per byte of their UTF-8 text; the end of the turn is among the bits. Lower is
 * better, whatever the tokenizer. A reply longer than a row is left out; `null` where none is left.
 */
export async function replyBits(model: CausalLM, items: readonly HumanItem[], template: ChatTemplate): Promise<number | null> {
  const tokenizer = model.tokenizer!;
  const length = Math.min(LENGTH, model.config.maxPositions);
  const encoded = items.map(({ context, reply }) => ({
    bytes: Buffer.byteLength(reply.trim()),
    sequence: encodeConversation(tokenizer, template, [...context, { role: "assistant", content: reply }], { targets: "last" }),
  }));
  const kept = encoded.filter(({ sequence }) => sequence.targets.filter(Boolean).length < length - 1);
  const bytes = kept.reduce((sum, item) => sum + item.bytes, 0);
  if (bytes === 0) return null;
  const sequences = kept.map(({ sequence }) => sequence);
  const { rows } = packSequences(sequences, packing(tokenizer, { length, seed: 0 }));
  const labels = labelledRows(stackRows(rows)).rows.length;
  return ((await sftLoss(model, rows, ROWS)) * labels) / Math.LN2 / bytes;
}
