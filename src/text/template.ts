import { expected } from "../core/errors.js";
import { jinjaTemplate } from "./jinja-template.js";
import type { Message, Role } from "./messages.js";
import type { Tokenizer } from "./tokenizer.js";

export { jinjaTemplate } from "./jinja-template.js";

export type RenderOptions = {
  /** Whether to end with the text after which the model speaks. Default `false`. */
  addGenerationPrompt?: boolean;
};

/** How a conversation is written as one text. */
export type ChatTemplate = {
  name: string;
  /** Differs where two templates may write the same messages differently: for keys of caches. */
  identity: string;
  /** @throws Error where a model's own template refuses the messages, mostly for roles that do not alternate: see `mergeTurns`. */
  render(messages: readonly Message[], options?: RenderOptions): string;
  /** What stands between the generation prompt and the reply: nothing, a space, or an empty `<think>` block. */
  lead: string;
  /** What closes a reply and is learnt with it; empty where the template closes with nothing. */
  endOfTurn: string;
  /** Texts that end generation, none of them part of the reply. Special tokens among them are found by id, not in decoded text. */
  stops: string[];
  /** The rendered text holds BOS where one is wanted: none is to be added. */
  addsBos: boolean;
};

/** `User: ...` and `Assistant: ...`, a turn a line: reads naturally to a base model and needs no token of its own. */
export const plainTemplate: ChatTemplate = lines("plain", { system: "System:", user: "User:", assistant: "Assistant:" }, " ");

/** `<user>` and `<assistant>`, each on a line of its own above the turn. */
export const tagsTemplate: ChatTemplate = lines("tags", { system: "<system>", user: "<user>", assistant: "<assistant>" }, "\n");

/**
 * Picks a template: by name, else the model's own if it has one, else the plain one.
 * @throws RangeError for an unknown name, or for "model" where the model brings none.
 */
export function chooseTemplate(tokenizer: Tokenizer, name?: "plain" | "tags" | "model"): ChatTemplate {
  const own = tokenizer.chatTemplate;
  switch (name ?? (own === null ? "plain" : "model")) {
    case "plain":
      return plainTemplate;
    case "tags":
      return tagsTemplate;
    case "model":
      if (own === null) throw new RangeError('template: expected a model with a chat template, got none. Choose "plain" or "tags"');
      return jinjaTemplate(own, tokenizer);
    default:
      throw new RangeError(expected("template", '"plain", "tags" or "model"', name));
  }
}

function lines(name: string, labels: Record<Role, string>, gap: " " | "\n"): ChatTemplate {
  // A space belongs to the word after it, so the prompt ends before it.
  const [prompt, lead] = gap === " " ? [labels.assistant, gap] : [labels.assistant + gap, ""];
  return {
    name,
    identity: JSON.stringify([name, labels, gap]),
    render: (messages, { addGenerationPrompt = false } = {}) =>
      messages.map(({ role, content }) => `${labels[role]}${gap}${content.trim()}\n`).join("") + (addGenerationPrompt ? prompt : ""),
    lead,
    endOfTurn: "\n",
    stops: Object.values(labels).map((label) => `\n${label}`),
    addsBos: false,
  };
}
