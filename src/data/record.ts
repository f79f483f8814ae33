import { hash32 } from "../core/random.js";
import { type Message, mergeTurns } from "../text/messages.js";

export type Split = "train" | "validation" | "test";
export const SPLITS: readonly Split[] = ["train", "validation", "test"];

/** A dialogue of one person with feelings (`user`) and one who answers (`assistant`), successive messages of one speaker merged. */
export type Conversation = {
  id: string;
  source: string;
  split: Split;
  messages: Message[];
  /** One per message: the first strategy among the turns that were merged into it; null where there is none. */
  strategies: (string | null)[];
  /** One list per message: every strategy among the merged turns, in order. Absent where the data set has no strategies. */
  allStrategies?: string[][];
  emotion: string | null;
  /** What the talk is about, ESConv's `problem_type`. */
  problem?: string | null;
  situation: string | null;
};

/** A text with its emotion labels as numbers, ascending (positions in `GO_EMOTIONS`). */
export type LabelledText = { id: string; source: string; split: Split; text: string; labels: number[] };

/** One EQ-Bench question in the v2.1 wording; both references are in the order of `emotions`. */
export type EqQuestion = {
  id: string;
  prompt: string;
  emotions: [string, string, string, string];
  /** Normalised to a sum of 10 (v1 scoring). The benchmark's own question 116 sums to 9. */
  reference: number[];
  /** Each from 0 to 10 (v2 scoring). */
  fullscale: number[];
};

export type Turn = { role: "user" | "assistant"; content: string; strategy?: string | null };

/** One reply to learn or to measure: the dialogue before it, and the reply itself (`index` is its place among the messages). */
export type ReplyExample = { context: Message[]; reply: string; strategy: string | null; index: number };

/** Every listener reply that has something of the user's before it. A dialogue that ends on the user simply gives no reply there. */
export function replyExamples(conversation: Conversation): ReplyExample[] {
  const { messages, strategies } = conversation;
  const first = messages.findIndex((message) => message.role === "user");
  return messages.flatMap((message, index) =>
    message.role === "assistant" && first >= 0 && index > first
      ? [{ context: messages.slice(0, index), reply: message.content, strategy: strategies[index] ?? null, index }]
      : [],
  );
}

/** Merges successive turns of one speaker; blank turns are left out. Keeps the first strategy of each merged message, and all beside it. */
export function conversationOf(
  about: Omit<Conversation, "messages" | "strategies" | "allStrategies">,
  turns: readonly Turn[],
): Conversation {
  const spoken = turns.flatMap((turn) => (turn.content.trim() === "" ? [] : [{ ...turn, content: turn.content.trim() }]));
  const all: string[][] = [];
  spoken.forEach((turn, i) => {
    if (spoken[i - 1]?.role !== turn.role) all.push([]);
    if (turn.strategy) all.at(-1)!.push(turn.strategy);
  });
  const conversation: Conversation = {
    ...about,
    messages: mergeTurns(spoken.map(({ role, content }) => ({ role, content }))),
    strategies: all.map((strategies) => strategies[0] ?? null),
  };
  if (turns.some((turn) => turn.strategy !== undefined)) conversation.allStrategies = all;
  return conversation;
}

/** The split of a record in a data set that has none: 80 % train, 10 % validation, 10 % test, by a hash of `key`, the same every time. */
export function splitByHash(key: string): Split {
  const tenth = hash32(key) % 10;
  return tenth === 8 ? "validation" : tenth === 9 ? "test" : "train";
}
