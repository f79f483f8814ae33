import { describe, expect, it } from "vitest";
import { readEsconv } from "../../src/data/esconv.js";
import { GENERIC_REPLIES } from "../../src/data/generic-replies.js";
import { conversationalPair, makePairs, PUBLISHED_PHRASES, type Recipe } from "../../src/data/pairs.js";
import { type Conversation, replyExamples } from "../../src/data/record.js";
import { world } from "../../src/data/world.js";
import { tagsTemplate } from "../../src/text/template.js";
import { shared } from "../shared.js";

const { records: talks } = await readEsconv(world("esconv"));
const replies = new Map(talks.map((talk) => [talk.id, replyExamples(talk)]));
const splitOf = new Map(talks.map((talk) => [talk.id, talk.split]));
const only = (recipe: Recipe, options = {}) => makePairs(talks, { seed: 1, recipes: { [recipe]: 1 }, ...options });

describe("makePairs", () => {
  it("puts the human reply and another into the same context, which is a part of the dialogue that opens with the user", () => {
    const { pairs } = makePairs(talks, { seed: 1 });
    expect(pairs.length).toBeGreaterThan(300);
    for (const pair of pairs) {
      const own = replies.get(pair.meta.conversation)!.find((example) => example.reply === pair.chosen)!;
      expect(own.context.slice(-pair.context.length)).toEqual(pair.context);
      expect(pair.context[0]!.role).toBe("user");
      expect(pair.context.length).toBeLessThanOrEqual(9);
      expect(pair.meta.strategyChosen).toBe(own.strategy);
      expect(pair.rejected).not.toBe(pair.chosen);
      expect(pair.meta.split).toBe(splitOf.get(pair.meta.conversation));
    }
  });

  it("takes each rejected reply from the split of its dialogue", () => {
    const texts = (split: string) =>
      talks.filter((talk) => talk.split === split).flatMap((talk) => replies.get(talk.id)!.map((example) => example.reply));
    const { pairs } = makePairs(talks, { seed: 1, recipes: { "other-dialogue": 1, "other-strategy": 1, "later-turn": 1 } });
    for (const split of ["train", "validation", "test"]) {
      const own = new Set(texts(split));
      const rejected = pairs.filter((pair) => pair.meta.split === split).map((pair) => pair.rejected);
      expect(rejected.length).toBeGreaterThan(20);
      expect(rejected.filter((text) => !own.has(text))).toEqual([]);
    }
  });

  it("keeps to the shares of the recipes, and counts what it made", () => {
    const { pairs, counts } = makePairs(talks, { seed: 1, limit: { train: 200, validation: 10, test: 0 } });
    const made = (recipe: string) => pairs.filter((pair) => pair.meta.split === "train" && pair.meta.recipe === recipe).length;
    for (const [recipe, wanted] of Object.entries({ "other-dialogue": 80, "other-strategy": 60, "later-turn": 40, generic: 20 })) {
      // A recipe that finds nothing for the last places lets another one have them.
      expect(Math.abs(made(recipe) - wanted)).toBeLessThanOrEqual(2);
    }
    expect(counts.reduce((sum, count) => sum + count.pairs, 0)).toBe(pairs.length);
    expect(pairs).toHaveLength(210);
    expect(new Set(pairs.map((pair) => JSON.stringify([pair.prompt, pair.chosen]))).size).toBe(pairs.length);
    expect(new Set(pairs.map((pair) => pair.meta.id)).size).toBe(pairs.length);
  });

  it("matches lengths within the tolerance, and reports the ratio", () => {
    const { pairs, counts } = makePairs(talks, { seed: 1, lengthTolerance: 0.2 });
    const off = pairs.map((pair) => Math.abs(pair.rejected.length - pair.chosen.length) / pair.chosen.length);
    expect(Math.max(...off)).toBeLessThanOrEqual(0.2);
    for (const count of counts) expect(Math.abs(Math.log(count.lengthRatio))).toBeLessThan(Math.log(1.25));
  });

  it("finds the rejected reply as each recipe says", () => {
    const place = new Map(talks.flatMap((talk) => replies.get(talk.id)!.map((example) => [example.reply, { talk, example }] as const)));
    for (const pair of only("other-dialogue").pairs) expect(place.get(pair.rejected)!.talk.id).not.toBe(pair.meta.conversation);
    for (const pair of only("other-dialogue", { topic: "same", lengthTolerance: 0.5 }).pairs) {
      expect(place.get(pair.rejected)!.talk.problem).toBe(place.get(pair.chosen)!.talk.problem);
    }
    for (const pair of only("other-dialogue", { topic: "different" }).pairs) {
      expect(place.get(pair.rejected)!.talk.problem).not.toBe(place.get(pair.chosen)!.talk.problem);
    }
    for (const pair of only("other-strategy").pairs) expect(pair.meta.strategyRejected).not.toBe(pair.meta.strategyChosen);
    for (const pair of only("later-turn").pairs) {
      const [chosen, rejected] = [place.get(pair.chosen)!, place.get(pair.rejected)!];
      expect(rejected.talk.id).toBe(chosen.talk.id);
      expect(rejected.example.index).toBeGreaterThanOrEqual(chosen.example.index + 4);
    }
    for (const pair of only("generic").pairs) expect(GENERIC_REPLIES.some((reply) => pair.rejected.startsWith(reply))).toBe(true);
    expect(only("later-turn").counts[0]!.failed).toBeGreaterThan(0);
  });

  it("makes the published pairs by the published rule: the situation as prompt, replies from two places of the dialogue", () => {
    const turn = (role: "user" | "assistant", content: string, strategy: string | null = null) => ({ role, content, strategy });
    const turns = [
      turn("assistant", "Good evening.", "Others"),
      turn("user", "My dog died."),
      turn("assistant", "He was old then, so it was to be expected.", "Reflection of feelings"),
      turn("user", "No."),
      turn("assistant", "That must be hard to bear in an empty house.", "Affirmation and Reassurance"),
    ];
    const talk: Conversation = {
      ...talks[0]!,
      situation: "My dog died last week.",
      messages: turns.map(({ role, content }) => ({ role, content })),
      strategies: turns.map((one) => one.strategy),
    };
    const { pairs } = makePairs([talk], { seed: 0, recipes: { published: 1 }, template: tagsTemplate });
    expect(pairs).toHaveLength(1);
    expect(pairs[0]).toMatchObject({
      prompt: tagsTemplate.render([{ role: "user", content: "My dog died last week." }], { addGenerationPrompt: true }),
      chosen: "That must be hard to bear in an empty house.",
      rejected: "Good evening.",
      meta: { recipe: "published", strategyChosen: "Affirmation and Reassurance", strategyRejected: "Others" },
    });
    expect(PUBLISHED_PHRASES).toHaveLength(7);
  });

  it("gives TRL's conversational form: three lists of messages", () => {
    const pair = makePairs(talks, { seed: 1 }).pairs[0]!;
    expect(conversationalPair(pair)).toEqual({
      prompt: pair.context,
      chosen: [{ role: "assistant", content: pair.chosen }],
      rejected: [{ role: "assistant", content: pair.rejected }],
    });
  });

  it("gives the same pairs for the same seed, and others for another", () => {
    const made = (seed: number) => makePairs(talks, { seed, limit: { train: 30 } }).pairs;
    expect(made(5)).toEqual(made(5));
    expect(made(5)).not.toEqual(made(6));
  });

  it("leaves out pairs that it has already, and says so", () => {
    const twice = [...talks, ...talks.map((talk) => ({ ...talk, id: `${talk.id}/again` }))];
    const { pairs, counts } = makePairs(twice, { seed: 1 });
    expect(counts.reduce((sum, count) => sum + count.duplicates, 0)).toBeGreaterThan(100);
    expect(new Set(pairs.map((pair) => pair.prompt + pair.chosen)).size).toBe(pairs.length);
  });

  it("says what is wrong with its settings", () => {
    expect(() => makePairs(talks, { seed: 1, recipes: { worse: 1 } as never })).toThrow(/recipes: expected names out of other-dialogue/);
    expect(() => makePairs(talks, { seed: 1, recipes: { generic: 0 } })).toThrow(/a share above 0/);
    expect(() => makePairs(talks, { seed: 1, lengthTolerance: -1 })).toThrow(/lengthTolerance/);
    expect(makePairs([], { seed: 1 })).toEqual({ pairs: [], counts: [] });
  });

  it.skipIf(!shared)(
    "makes thousands of pairs from the real data, equal in length; the published rule makes them three to four times as long",
    async () => {
      const { records } = await readEsconv(`${shared}/data`);
      const { pairs, counts } = makePairs(records, { seed: 0 });
      expect(pairs.length).toBeGreaterThan(8_000);
      for (const { lengthRatio } of counts) expect(Math.abs(lengthRatio - 1)).toBeLessThan(0.1);
      const published = makePairs(records, { seed: 0, recipes: { published: 1 } });
      expect(published.pairs.length).toBeGreaterThan(200);
      for (const { lengthRatio } of published.counts) expect(lengthRatio).toBeGreaterThan(2);
    },
  );
});
