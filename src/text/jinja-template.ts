import type { Template } from "@huggingface/jinja";
import { FormatError } from "../core/errors.js";
import { require } from "../core/tf.js";
import type { Message } from "./messages.js";
import type { ChatTemplate, RenderOptions } from "./template.js";
import type { Tokenizer } from "./tokenizer.js";

export type JinjaOptions = {
  name?: string;
  /** The time that `strftime_now` tells. Default: when the template was made. Give one where the same seed must give the same numbers. */
  now?: Date;
  /** More variables, such as `enable_thinking: false` or `date_string`. */
  variables?: Record<string, unknown>;
};

/**
 * A model's own chat template, rendered as transformers does (its `apply_chat_template`, at 5.17).
 * BOS is the template's business: where it writes none, none is added.
 * @throws FormatError where the source is no Jinja template, or cannot render one question and its answer.
 */
export function jinjaTemplate(source: string, tokenizer: Tokenizer, options: JinjaOptions = {}): ChatTemplate {
  const { name = "model", now = new Date(), variables = {} } = options;
  const template = compile(source);
  const token = (id: number | null) => (id === null ? undefined : tokenizer.tokenOf(id));
  const globals = {
    tools: null,
    documents: null,
    ...defined({ bos_token: token(tokenizer.bosId), eos_token: token(tokenizer.eosId), pad_token: token(tokenizer.padId) }),
    stopped_clock: (format: string) => strftime(now, format),
    ...variables,
  };
  const render = (messages: readonly Message[], { addGenerationPrompt = false }: RenderOptions = {}) =>
    template.render({ ...globals, messages, add_generation_prompt: addGenerationPrompt });
  const { lead, tail } = probe(name, render);
  const endOfTurn = closing(tail, tokenizer);
  const eos = token(tokenizer.eosId);
  const stops = [endOfTurn.trim(), eos ?? ""].filter((stop, i, all) => stop !== "" && all.indexOf(stop) === i);
  const identity = JSON.stringify([source, globals, source.includes("strftime_now") && now]);
  return { name, identity, render, lead, endOfTurn, stops, addsBos: true };
}

function compile(source: string): Template {
  const jinja = require("@huggingface/jinja") as typeof import("@huggingface/jinja");
  try {
    // The library's own clock cannot be given, only replaced by the template.
    return new jinja.Template(`{% set strftime_now = stopped_clock %}\n${source}`);
  } catch (error) {
    throw new FormatError(`chat template: expected Jinja, got a syntax error: ${(error as Error).message}`);
  }
}

const QUESTION: Message = { role: "user", content: "question" };

/** What the template puts before and after a reply. */
function probe(name: string, render: ChatTemplate["render"]): { lead: string; tail: string } {
  const mark = "\ue000answer\ue001";
  try {
    const prompt = render([QUESTION], { addGenerationPrompt: true });
    const [head = "", tail] = render([QUESTION, { role: "assistant", content: mark }]).split(mark);
    if (tail === undefined) throw new Error("it does not show the answer");
    return { lead: head.startsWith(prompt) ? head.slice(prompt.length) : "", tail };
  } catch (error) {
    throw new FormatError(`chat template ${name}: expected it to render a question and its answer, but ${(error as Error).message}`);
  }
}

/** The beginning of `tail` up to its first special token; without one all of it, except white space after other text. */
function closing(tail: string, tokenizer: Tokenizer): string {
  const special = tokenizer.encode(tail, { addSpecial: false }).find((id) => tokenizer.specialIds.has(id));
  const text = special === undefined ? undefined : tokenizer.tokenOf(special);
  if (text !== undefined && tail.includes(text)) return tail.slice(0, tail.indexOf(text) + text.length);
  return tail.trimEnd() || tail;
}

function defined(values: Record<string, string | undefined>): Record<string, string> {
  return Object.fromEntries(Object.entries(values).filter((entry): entry is [string, string] => entry[1] !== undefined));
}

const MONTHS = "January February March April May June July August September October November December".split(" ");
const DAYS = "Sunday Monday Tuesday Wednesday Thursday Friday Saturday".split(" ");

/** Python's `strftime` in English, whatever the machine's language, for the codes that templates use. */
function strftime(now: Date, format: string): string {
  const two = (n: number) => String(n).padStart(2, "0");
  const codes: Record<string, string> = {
    Y: String(now.getFullYear()),
    y: two(now.getFullYear() % 100),
    m: two(now.getMonth() + 1),
    d: two(now.getDate()),
    B: MONTHS[now.getMonth()]!,
    b: MONTHS[now.getMonth()]!.slice(0, 3),
    A: DAYS[now.getDay()]!,
    a: DAYS[now.getDay()]!.slice(0, 3),
    H: two(now.getHours()),
    I: two(now.getHours() % 12 || 12),
    M: two(now.getMinutes()),
    S: two(now.getSeconds()),
    p: now.getHours() < 12 ? "AM" : "PM",
    "%": "%",
  };
  return format.replace(/%(.)/g, (whole, code: string) => codes[code] ?? whole);
}
