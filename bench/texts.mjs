/** Texts for the cases that need some: the real data sets where they lie beside the repository, else sentences by formula. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import * as eq from "../dist/index.js";
import { integers } from "./formula.mjs";

const real = fileURLToPath(new URL("../../shared/data", import.meta.url));
const has = (part) => existsSync(join(real, part));

/** GPT-2's tokenizer files, without the truncation that they were saved with, or the embedded model's. */
export function tokenizerFiles() {
  const folder = has("tokenizers/gpt2") ? join(real, "tokenizers/gpt2") : eq.world("model");
  const read = (name) => JSON.parse(readFileSync(join(folder, name), "utf8"));
  const settings = { ...read("tokenizer_config.json"), pad_token: "<|endoftext|>", tokenizer_class: "PreTrainedTokenizerFast" };
  return { "tokenizer.json": { ...read("tokenizer.json"), truncation: null, padding: null }, "tokenizer_config.json": settings };
}

/** Lines of `data.jsonl` and, for trainers, of `check.jsonl`: a few of them, on which losses are compared. */
export async function prepareData({ kind, total, length }) {
  if (kind === "texts") return { data: await texts(total) };
  const files = tokenizerFiles();
  const tokenizer = eq.makeTokenizer(files["tokenizer.json"], files["tokenizer_config.json"]);
  if (kind === "pairs") return pairs(total);
  const data = await mix(total, tokenizer, length);
  return { data, check: fitting(data, tokenizer, length) };
}

async function texts(total) {
  const all = has("goemotions") ? (await eq.loadGoEmotions(real)).map(({ text }) => text) : byFormula(2 * total);
  const distinct = new eq.Random(0).shuffled([...new Set(all)]).slice(0, total);
  return distinct.map((text) => ({ text }));
}

/** Conversations of at most `length` tokens: longer ones lose their last turns, and each ends with a reply. */
async function mix(total, tokenizer, length) {
  const { empathetic, esconv } = await sources();
  const { conversations } = eq.mixConversations({ empathetic, esconv }, { temperature: 2, total, seed: 0 });
  return conversations
    .map(({ messages }) => ({ messages: cut(messages, tokenizer, length) }))
    .filter(({ messages }) => messages.length > 1);
}

function cut(messages, tokenizer, length) {
  const lastReply = (end) => messages.slice(0, end).findLastIndex(({ role }) => role === "assistant") + 1;
  let end = lastReply(messages.length);
  while (tokensOf(messages.slice(0, end), tokenizer) > length) end = lastReply(end - 1);
  const kept = messages.slice(0, end);
  return kept.some(({ role }) => role === "user") ? kept : [];
}

const tokensOf = (messages, tokenizer) =>
  messages.length > 0 ? eq.encodeConversation(tokenizer, eq.plainTemplate, messages).ids.length : 0;

/** The first conversations that fit one row. */
function fitting(data, tokenizer, length) {
  let room = length;
  return data.filter(({ messages }) => {
    const size = tokensOf(messages, tokenizer);
    if (size > room) return false;
    room -= size;
    return true;
  });
}

async function pairs(total) {
  const { esconv } = await sources();
  const found = eq.makePairs(esconv, { seed: 0, limit: { train: total, validation: 0, test: 0 } }).pairs;
  const data = found.map(({ context, chosen, rejected }) => ({
    messages: context,
    prompt: eq.plainTemplate.render(context, { addGenerationPrompt: true }),
    chosen,
    rejected,
  }));
  return { data, check: data.slice(0, 4) };
}

/** Training conversations of both data sets. */
async function sources() {
  const { empathetic, esconv } =
    has("empathetic_dialogues") && has("esconv")
      ? { empathetic: await eq.loadEmpatheticDialogues(real), esconv: await eq.loadEsconv(real) }
      : { empathetic: dialogues("empathetic", 2000, 4, 13), esconv: dialogues("esconv", 200, 24, 16) };
  const training = (all) => all.filter(({ split }) => split === "train");
  return { empathetic: training(empathetic), esconv: training(esconv) };
}

/** Sentences of 4 to 24 words. */
const byFormula = (count) => integers("lengths", count, 21).map((extra, i) => sentence(`text ${i}`, 4 + extra));

/** `count` conversations of `turns` turns of about `words` words. */
function dialogues(name, count, turns, words) {
  return Array.from({ length: count }, (_, i) => {
    const lengths = integers(`${name} ${i}`, turns, words);
    const messages = lengths.map((extra, t) => ({
      role: t % 2 === 0 ? "user" : "assistant",
      content: sentence(`${name} ${i} ${t}`, Math.ceil(words / 2) + extra),
    }));
    const strategies = messages.map(({ role }, t) => (role === "user" ? null : eq.STRATEGIES[t % eq.STRATEGIES.length]));
    return { id: `${name} ${i}`, source: name, split: "train", messages, strategies, emotion: null, problem: null, situation: null };
  });
}

const WORDS =
  "I you we they it that was were feel felt sad glad alone proud worried about because when after work home friend family sister school today never always maybe little much time help talk listen hear sorry thank good hard better tomorrow".split(
    " ",
  );

function sentence(name, length) {
  const words = integers(name, length, WORDS.length).map((i) => WORDS[i]);
  return `${words.join(" ")}.`;
}
