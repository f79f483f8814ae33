import type { Random } from "../core/random.js";
import { GENERIC_REPLIES } from "./generic-replies.js";
import type { Conversation, ReplyExample } from "./record.js";

/** A human reply that could be put where it does not belong. */
export type Candidate = { text: string; words: string; strategy: string | null; conversation: string; topic: string; index: number };

/** A reply with what was said before it: where a pair is made. */
export type Place = { conversation: Conversation; example: ReplyExample };

/** The replies of one split, shortest first: a rejected reply comes from the split of the dialogue that it is put into. */
export type Pool = { sorted: Candidate[]; byConversation: Map<string, Candidate[]> };

export type Rejected = { text: string; strategy: string | null };

/** What a recipe may use: the place to fill, the pool, and the rule for a length that fits. */
export type RecipeInput = Place & {
  pool: Pool;
  random: Random;
  topic: "any" | "same" | "different";
  /** Rejected characters may differ from the chosen ones by this share. */
  lengthTolerance: number;
};

/**
 * Strategies that do the same kind of work in a talk: finding out, taking in, moving on (after Hill's three stages, which ESConv follows).
 */
const GROUPS: Record<string, string> = {
  Question: "exploring",
  "Restatement or Paraphrasing": "exploring",
  "Reflection of feelings": "comforting",
  "Self-disclosure": "comforting",
  "Affirmation and Reassurance": "comforting",
  "Providing Suggestions": "action",
  Information: "action",
  Others: "other",
};

/** Candidates looked at for one place: those nearest in length. */
const NEAREST = 24;

/**
 * The pool is made of the very replies that are chosen elsewhere. So what is rejected looks, taken alone, like what is chosen, and the only
 * way to tell them apart is whether they fit the context.
 */
export function poolOf(places: readonly Place[]): Pool {
  const byConversation = new Map<string, Candidate[]>();
  for (const { conversation, example } of places) {
    const { reply: text, strategy, index } = example;
    const candidates = byConversation.get(conversation.id) ?? [];
    candidates.push({ text, words: plain(text), strategy, conversation: conversation.id, topic: topicOf(conversation), index });
    byConversation.set(conversation.id, candidates);
  }
  const byLength = (a: Candidate, b: Candidate) => a.text.length - b.text.length;
  for (const candidates of byConversation.values()) candidates.sort(byLength);
  return { sorted: [...byConversation.values()].flat().sort(byLength), byConversation };
}

/** A human reply of about the same length from another dialogue. */
export function otherDialogue(input: RecipeInput): Rejected | null {
  return nearest(input, input.pool.sorted, (candidate) => candidate.conversation !== input.conversation.id);
}

/** The same, from another dialogue and with a strategy of another group. */
export function otherStrategy(input: RecipeInput): Rejected | null {
  const group = GROUPS[input.example.strategy ?? ""];
  if (!group) return null;
  const differs = ({ strategy, conversation }: Candidate) =>
    conversation !== input.conversation.id && strategy !== null && GROUPS[strategy] !== group;
  return nearest(input, input.pool.sorted, differs);
}

/** A reply of about the same length that belongs at least four messages later in the same dialogue. */
export function laterTurn(input: RecipeInput): Rejected | null {
  const own = input.pool.byConversation.get(input.conversation.id) ?? [];
  return nearest({ ...input, topic: "any" }, own, (candidate) => candidate.index >= input.example.index + 4);
}

/** One or several of our generic replies, joined until they are as long as the chosen reply. */
export function generic({ example, random, lengthTolerance }: RecipeInput): Rejected | null {
  const wanted = example.reply.length;
  let text = "";
  for (const reply of random.shuffled(GENERIC_REPLIES)) {
    const longer = text ? `${text} ${reply}` : reply;
    if (longer.length <= wanted * (1 + lengthTolerance)) text = longer;
    if (text.length >= wanted * (1 - lengthTolerance)) return { text, strategy: null };
  }
  return null;
}

/** The published run names seven phrases but does not list them here: these seven are our own choice. */
export const PUBLISHED_PHRASES: readonly string[] = [
  "i understand",
  "i'm sorry",
  "that must be",
  "that sounds",
  "it sounds like",
  "i can imagine",
  "you are not alone",
];

/**
 * The published rule: prompt = situation; chosen = the dialogue's first Reflection or Affirmation with one of the seven phrases; rejected =
 * its first Question, Information or Others. The two sides answer different messages and differ in length: kept to compare with, not to
 * recommend.
 */
export function publishedPair(conversation: Conversation): { chosen: Rejected; rejected: Rejected } | null {
  const replies = conversation.messages.flatMap(({ role, content }, i) =>
    role === "assistant" ? [{ text: content, strategy: conversation.strategies[i] ?? null }] : [],
  );
  const among = (strategy: string | null, names: string[]) => strategy !== null && names.includes(strategy);
  const chosen = replies.find(
    ({ text, strategy }) =>
      among(strategy, ["Reflection of feelings", "Affirmation and Reassurance"]) &&
      PUBLISHED_PHRASES.some((phrase) => text.toLowerCase().replaceAll("’", "'").includes(phrase)),
  );
  const rejected = replies.find(({ strategy }) => among(strategy, ["Question", "Information", "Others"]));
  return chosen && rejected && conversation.situation ? { chosen, rejected } : null;
}

const topicOf = (conversation: Conversation): string => conversation.problem ?? conversation.emotion ?? "";

/** One of the acceptable candidates nearest in length, by chance; null where none is within the tolerance. */
function nearest(input: RecipeInput, sorted: readonly Candidate[], accept: (candidate: Candidate) => boolean): Rejected | null {
  const { example, conversation, random, topic, lengthTolerance } = input;
  const wanted = example.reply.length;
  const own = topicOf(conversation);
  const words = plain(example.reply);
  const fits = (candidate: Candidate) =>
    accept(candidate) && (topic === "any" || (topic === "same") === (candidate.topic === own)) && candidate.words !== words;
  const distance = (i: number) => Math.abs((sorted[i]?.text.length ?? Number.POSITIVE_INFINITY) - wanted);
  const found: Candidate[] = [];
  let above = firstAtLeast(sorted, wanted);
  let below = above - 1;
  while (found.length < NEAREST) {
    const at = distance(above) <= distance(below) ? above++ : below--;
    if (!(distance(at) <= wanted * lengthTolerance)) break;
    if (fits(sorted[at]!)) found.push(sorted[at]!);
  }
  return found.length > 0 ? found[random.integer(found.length)]! : null;
}

function firstAtLeast(sorted: readonly Candidate[], length: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle]!.text.length < length) low = middle + 1;
    else high = middle;
  }
  return low;
}

const plain = (text: string): string =>
  text
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, " ")
    .trim();
