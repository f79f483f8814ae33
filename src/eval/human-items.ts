import { hash32 } from "../core/random.js";
import { checkInteger } from "../core/shapes.js";
import { type Conversation, replyExamples } from "../data/record.js";
import type { Message } from "../text/messages.js";

/** What a person replied to a dialogue. Items of one dialogue share the `cluster`. */
export type HumanItem = { id: string; cluster: string; context: Message[]; reply: string };

/** Messages before a reply that are shown, at most. */
const TURNS = 6;

/** Up to `count` replies, drawn by a hash of what they are: one of each dialogue, then a second of each, and so on. */
export function humanItems(conversations: readonly Conversation[], count: number): HumanItem[] {
  checkInteger("humanItems", count, 1);
  const ranked = conversations.flatMap((conversation) => {
    const items = replyExamples(conversation).map(({ context, reply, index }) => {
      const id = `${conversation.id}/${index}`;
      return { id, cluster: conversation.id, context: shown(context), reply, order: hash32(`human item/${id}`) };
    });
    return items.sort((a, b) => a.order - b.order).map((item, rank) => ({ ...item, rank }));
  });
  const drawn = ranked.sort((a, b) => a.rank - b.rank || a.order - b.order).slice(0, count);
  return drawn.map(({ rank: _, order: __, ...item }) => item);
}

/** The last messages, from one of the user's on. */
function shown(context: readonly Message[]): Message[] {
  const last = context.slice(-TURNS);
  return last.slice(last.findIndex(({ role }) => role === "user"));
}
