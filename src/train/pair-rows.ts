import { expected } from "../core/errors.js";
import { checkInteger } from "../core/shapes.js";
import { encodeConversation } from "../text/mask.js";
import type { Message } from "../text/messages.js";
import type { ChatTemplate } from "../text/template.js";
import type { Tokenizer } from "../text/tokenizer.js";

/** A preference between two replies to the same dialogue. */
export type Preference = { context: readonly Message[]; chosen: string; rejected: string };

/** Both replies as tokens, each after the same prompt; `targets` mark the reply. */
export type EncodedPreference = { chosen: EncodedReply; rejected: EncodedReply; cut: number };
export type EncodedReply = { ids: number[]; targets: boolean[] };

/**
 * Encodes pairs with the model's template. A pair longer than `maxTokens` loses the start of its prompt (BOS stays), the same on both
 * sides, so that both keep one context; then the end of its replies. `cut` counts the tokens lost, on both sides together.
 * @throws RangeError where nothing stands before the reply, or the template changes a reply's text.
 */
export function encodePreferences(
  tokenizer: Tokenizer,
  template: ChatTemplate,
  pairs: readonly Preference[],
  { maxTokens }: { maxTokens: number },
): EncodedPreference[] {
  checkInteger("maxTokens", maxTokens, 8);
  return pairs.map(({ context, chosen, rejected }, i) => {
    const sides = [chosen, rejected].map((content) =>
      encodeConversation(tokenizer, template, [...context, { role: "assistant", content }], { targets: "last" }),
    );
    const prompt = sides[0]!.targets.indexOf(true);
    if (prompt < 1 || sides[1]!.targets.indexOf(true) !== prompt) {
      const wanted = "a prompt that is the same on both sides and a reply of at least one token";
      throw new RangeError(expected(`pair ${i}`, wanted, context.at(-1)?.content));
    }
    const keepFirst = sides[0]!.ids[0] === tokenizer.bosId ? 1 : 0;
    const longest = Math.max(...sides.map(({ ids }) => ids.length));
    const fromPrompt = Math.min(Math.max(0, longest - maxTokens), Math.max(0, prompt - keepFirst - 1));
    const [a, b] = sides.map((side) => shorten(side, keepFirst, fromPrompt, maxTokens)) as [EncodedReply, EncodedReply];
    return { chosen: a, rejected: b, cut: sides.reduce((sum, { ids }) => sum + ids.length, 0) - a.ids.length - b.ids.length };
  });
}

function shorten({ ids, targets }: EncodedReply, keepFirst: number, fromPrompt: number, maxTokens: number): EncodedReply {
  const kept = <T>(values: T[]): T[] => [...values.slice(0, keepFirst), ...values.slice(keepFirst + fromPrompt)].slice(0, maxTokens);
  return { ids: kept(ids), targets: kept(targets) };
}
