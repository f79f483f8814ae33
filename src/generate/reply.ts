import type { CausalLM } from "../models/model.js";
import { encodePrompt } from "../text/mask.js";
import { type Message, mergeTurns } from "../text/messages.js";
import { type ChatTemplate, chooseTemplate } from "../text/template.js";
import type { Tokenizer } from "../text/tokenizer.js";
import { generate, generateAll } from "./generate.js";
import type { GenerateOptions } from "./options.js";
import type { Generation } from "./row.js";

export type ReplyOptions = GenerateOptions & {
  /** How the conversation is written. Default: the model's own template if it has one, else the plain one. Its stops end a reply too. */
  template?: ChatTemplate | undefined;
};

/** The listener's next turn. `text` has no white space around it. @throws RangeError where the model has no tokenizer. */
export async function reply(
  model: CausalLM,
  messages: readonly Message[],
  options: Omit<ReplyOptions, "candidates"> = {},
): Promise<Generation> {
  return (await replies(model, [messages], options))[0]!;
}

/** The listener's next turn for each conversation; with `candidates` k, those of conversation i are k·i to k·i + k - 1. */
export async function replies(
  model: CausalLM,
  conversations: readonly (readonly Message[])[],
  options: ReplyOptions = {},
): Promise<Generation[]> {
  const { prompts, settings } = chatPrompts(model, conversations, options);
  return (await generateAll(model, prompts, settings)).map((generation) => ({ ...generation, text: generation.text.trim() }));
}

/** The listener's next turn, piece by piece: the pieces, joined, are its text. Returns the whole. */
export async function* streamReply(
  model: CausalLM,
  messages: readonly Message[],
  options: Omit<ReplyOptions, "candidates"> = {},
): AsyncGenerator<string, Generation> {
  const { prompts, settings } = chatPrompts(model, [messages], options);
  let [begun, held] = [false, ""];
  for await (const event of generate(model, prompts, settings)) {
    if (event.kind === "done") return { ...event.generation, text: event.generation.text.trim() };
    // White space is given out when something follows it.
    held += event.text;
    const piece = begun ? held.trimEnd() : held.trim();
    if (piece === "") continue;
    held = held.slice(held.trimEnd().length);
    begun = true;
    yield piece;
  }
  throw new Error("streamReply: the generation ended without a result");
}

function chatPrompts(
  { tokenizer }: CausalLM,
  conversations: readonly (readonly Message[])[],
  { template, ...options }: ReplyOptions,
): { prompts: number[][]; settings: GenerateOptions } {
  if (!tokenizer) throw new RangeError("reply: expected a model with a tokenizer, got none");
  const chosen = template ?? chooseTemplate(tokenizer);
  const { ids, texts } = templateStops(tokenizer, chosen);
  return {
    prompts: conversations.map((messages) => encodePrompt(tokenizer, chosen, mergeTurns(messages))),
    settings: { ...options, stopIds: [...ids, ...(options.stopIds ?? [])], stopTexts: [...texts, ...(options.stopTexts ?? [])] },
  };
}

/** Special tokens do not show in decoded text, so they are told by id. */
function templateStops(tokenizer: Tokenizer, { stops }: ChatTemplate): { ids: number[]; texts: string[] } {
  const special = (stop: string): number | undefined => {
    const id = tokenizer.idOf(stop);
    return id !== undefined && tokenizer.specialIds.has(id) ? id : undefined;
  };
  return {
    ids: stops.map(special).filter((id) => id !== undefined),
    texts: stops.filter((stop) => special(stop) === undefined),
  };
}
