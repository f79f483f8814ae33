import { expected } from "../core/errors.js";
import { Random } from "../core/random.js";
import { checkInteger, checkNumber } from "../core/shapes.js";
import type { Message } from "../text/messages.js";
import { type ChatTemplate, plainTemplate } from "../text/template.js";
import {
  generic,
  laterTurn,
  otherDialogue,
  otherStrategy,
  type Place,
  poolOf,
  publishedPair,
  type RecipeInput,
  type Rejected,
} from "./pair-recipes.js";
import { type Conversation, replyExamples, SPLITS, type Split } from "./record.js";

export { PUBLISHED_PHRASES } from "./pair-recipes.js";

const RECIPES = {
  "other-dialogue": otherDialogue,
  "other-strategy": otherStrategy,
  "later-turn": laterTurn,
  generic,
} satisfies Record<string, (input: RecipeInput) => Rejected | null>;

/** How the rejected reply is found; see `data/pair-recipes.ts`. */
export type Recipe = keyof typeof RECIPES | "published";
const NAMES = [...(Object.keys(RECIPES) as (keyof typeof RECIPES)[]), "published"] as const;

/** One preference pair. `prompt`, `chosen` and `rejected` are texts, as TRL and the seed have them; `context` is the prompt as messages. */
export type Pair = {
  prompt: string;
  chosen: string;
  rejected: string;
  context: Message[];
  meta: {
    id: string;
    conversation: string;
    recipe: Recipe;
    split: Split;
    strategyChosen: string | null;
    strategyRejected: string | null;
  };
};

export type PairOptions = {
  seed: number;
  /** Shares of the recipes, in proportion. */
  recipes?: Partial<Record<Recipe, number>>;
  /** At most so many pairs in a split. */
  limit?: Partial<Record<Split, number>>;
  /** Renders `context` to `prompt`. */
  template?: ChatTemplate;
  /** The last messages before the reply that are kept; the first kept one is the user's. */
  contextMessages?: number;
  /** Strategies that a chosen reply may have. */
  chosenStrategies?: readonly string[];
  /** Words that a chosen reply must have at least. */
  minWords?: number;
  /** Whether rejected replies of other dialogues come from the same problem, from another, or from any. */
  topic?: "any" | "same" | "different";
  /** By how much of the chosen reply's characters the rejected one's may differ. */
  lengthTolerance?: number;
};

/** One line for each split and recipe. */
export type PairCount = {
  split: Split;
  recipe: Recipe;
  pairs: number;
  /** Places where the recipe found no reply that fits; another recipe may have filled them. */
  failed: number;
  /** Pairs left out because their prompt and chosen reply were there already. */
  duplicates: number;
  /** Chosen / rejected characters, geometric mean; 1 where lengths are matched, NaN without pairs. */
  lengthRatio: number;
  /** Share of pairs whose chosen reply is the longer one; NaN without pairs. */
  chosenLonger: number;
};

export const DEFAULT_RECIPES: Partial<Record<Recipe, number>> = {
  "other-dialogue": 0.4,
  "other-strategy": 0.3,
  "later-turn": 0.2,
  generic: 0.1,
};

/** All but `Others`, which is mostly greeting and farewell. */
const CHOSEN = [
  "Question",
  "Restatement or Paraphrasing",
  "Reflection of feelings",
  "Self-disclosure",
  "Affirmation and Reassurance",
  "Providing Suggestions",
  "Information",
];

/**
 * Preference pairs from support dialogues. Both sides answer the same context; the chosen reply is the one a human gave there, the rejected
 * one comes from a recipe. Each pair has its dialogue's split, and both its replies come from that split. The same seed gives the same
 * pairs.
 */
export function makePairs(conversations: readonly Conversation[], options: PairOptions): { pairs: Pair[]; counts: PairCount[] } {
  const settings = resolved(options);
  const random = new Random(options.seed);
  const pairs: Pair[] = [];
  const counts: PairCount[] = [];
  for (const split of SPLITS) {
    const own = conversations.filter((conversation) => conversation.split === split);
    const made = pairsOfSplit(split, own, settings, random.fork(split));
    pairs.push(...made.pairs);
    counts.push(...made.counts);
  }
  return { pairs, counts };
}

/** The pair in TRL's conversational form: all three are lists of messages, to be rendered by the model's own template. */
export function conversationalPair(pair: Pair): { prompt: Message[]; chosen: Message[]; rejected: Message[] } {
  const reply = (content: string): Message[] => [{ role: "assistant", content }];
  return { prompt: pair.context, chosen: reply(pair.chosen), rejected: reply(pair.rejected) };
}

type Settings = Required<Omit<PairOptions, "seed">>;

function resolved(options: PairOptions): Settings {
  const settings: Settings = {
    recipes: options.recipes ?? DEFAULT_RECIPES,
    limit: options.limit ?? {},
    template: options.template ?? plainTemplate,
    contextMessages: checkInteger("contextMessages", options.contextMessages ?? 9, 1),
    chosenStrategies: options.chosenStrategies ?? CHOSEN,
    minWords: checkInteger("minWords", options.minWords ?? 4, 0),
    topic: options.topic ?? "any",
    lengthTolerance: checkNumber("lengthTolerance", options.lengthTolerance ?? 0.25, 0),
  };
  for (const [name, share] of Object.entries(settings.recipes)) {
    if (!(NAMES as readonly string[]).includes(name)) throw new RangeError(expected("recipes", `names out of ${NAMES.join(", ")}`, name));
    checkNumber(`recipes.${name}`, share, 0);
  }
  if (!Object.values(settings.recipes).some((share) => share > 0))
    throw new RangeError(expected("recipes", "a share above 0", settings.recipes));
  return settings;
}

function pairsOfSplit(
  split: Split,
  conversations: Conversation[],
  settings: Settings,
  random: Random,
): { pairs: Pair[]; counts: PairCount[] } {
  const places = random.shuffled(conversations.flatMap((conversation) => placesOf(conversation, settings)));
  const wanted = Math.min(settings.limit[split] ?? Number.POSITIVE_INFINITY, places.length);
  const names = NAMES.filter((name) => (settings.recipes[name] ?? 0) > 0);
  const sum = names.reduce((a, name) => a + settings.recipes[name]!, 0);
  const share = (name: Recipe) => settings.recipes[name]! / sum;
  const tally = new Map(names.map((name) => [name, { failed: 0, duplicates: 0, pairs: [] as Pair[] }]));
  const seen = new Set<string>();
  const add = (pair: Pair): boolean => {
    const key = JSON.stringify([pair.prompt, pair.chosen]);
    const own = tally.get(pair.meta.recipe)!;
    if (seen.has(key)) own.duplicates++;
    else own.pairs.push(pair);
    const isNew = !seen.has(key);
    seen.add(key);
    return isNew;
  };

  if (names.includes("published")) addPublished(conversations, Math.round(wanted * share("published")), settings, random, add);
  const pool = poolOf(places);
  const recipes = names.filter((name) => name !== "published");
  const count = (name: Recipe) => tally.get(name)!.pairs.length;
  const total = () => names.reduce((a, name) => a + count(name), 0);
  for (const place of recipes.length > 0 ? places : []) {
    if (total() >= wanted) break;
    // The recipe that is furthest behind its share goes first.
    const behind = [...recipes].sort((a, b) => count(a) / share(a) - count(b) / share(b));
    for (const recipe of behind) {
      const { topic, lengthTolerance } = settings;
      const rejected = RECIPES[recipe]({ ...place, pool, random, topic, lengthTolerance });
      if (rejected) {
        const { context, reply, strategy, index } = place.example;
        add(pairOf(place.conversation, index, recipe, context, { text: reply, strategy }, rejected, settings));
        break;
      }
      tally.get(recipe)!.failed++;
    }
  }
  const counts = [...tally].map(([recipe, { failed, duplicates, pairs }]) => {
    const logRatio = pairs.reduce((a, pair) => a + Math.log(pair.chosen.length / pair.rejected.length), 0) / pairs.length;
    const chosenLonger = pairs.filter((pair) => pair.chosen.length > pair.rejected.length).length / pairs.length;
    return { split, recipe, pairs: pairs.length, failed, duplicates, lengthRatio: Math.exp(logRatio), chosenLonger };
  });
  return { pairs: random.shuffled([...tally.values()].flatMap((entry) => entry.pairs)), counts: places.length > 0 ? counts : [] };
}

/** Where a chosen reply stands: a strategy that is wanted, words enough, and a context that begins with the user. */
function placesOf(conversation: Conversation, { chosenStrategies, minWords, contextMessages }: Settings): Place[] {
  return replyExamples(conversation).flatMap((example) => {
    const wanted = example.strategy !== null && chosenStrategies.includes(example.strategy);
    if (!wanted || example.reply.split(/\s+/).length < minWords) return [];
    const recent = example.context.slice(-contextMessages);
    const context = recent.slice(recent.findIndex((message) => message.role === "user"));
    return [{ conversation, example: { ...example, context } }];
  });
}

function addPublished(
  conversations: Conversation[],
  wanted: number,
  settings: Settings,
  random: Random,
  add: (pair: Pair) => boolean,
): void {
  let made = 0;
  for (const conversation of random.shuffled(conversations)) {
    const found = made < wanted ? publishedPair(conversation) : null;
    if (!found) continue;
    const context: Message[] = [{ role: "user", content: conversation.situation! }];
    if (add(pairOf(conversation, 0, "published", context, found.chosen, found.rejected, settings))) made++;
  }
}

function pairOf(
  conversation: Conversation,
  index: number,
  recipe: Recipe,
  context: Message[],
  chosen: Rejected,
  rejected: Rejected,
  { template }: Settings,
): Pair {
  return {
    prompt: template.render(context, { addGenerationPrompt: true }),
    chosen: chosen.text,
    rejected: rejected.text,
    context,
    meta: {
      id: `${recipe}/${conversation.id}/${index}`,
      conversation: conversation.id,
      recipe,
      split: conversation.split,
      strategyChosen: chosen.strategy,
      strategyRejected: rejected.strategy,
    },
  };
}
