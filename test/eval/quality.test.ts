import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { humanItems } from "../../src/eval/human-items.js";
import { commonest, distinct, qualityOf, repetition, wordsOf } from "../../src/eval/quality.js";
import { replyBits } from "../../src/eval/reply-bits.js";
import { disposeModel } from "../../src/models/create.js";
import { plainTemplate } from "../../src/text/template.js";
import { encodePreferences } from "../../src/train/pair-rows.js";
import { replyScorer } from "../../src/train/reply-log-probs.js";
import { leaked } from "../formula.js";
import { madeUpRows } from "./made-up-rows.js";
import { talks, tinyModel } from "./tiny-heads.js";

describe("the quality of replies", () => {
  it("counts different words and pairs over all replies, repeated runs within each", () => {
    const texts = ["I am sorry, I am", "I AM sorry"].map(wordsOf);
    expect(texts[0]).toEqual(["i", "am", "sorry", ",", "i", "am"]);
    // 9 words, 4 different; pairs: i am, am sorry, "sorry ,", ", i", i am | i am, am sorry.
    expect(distinct(texts, 1)).toBeCloseTo(4 / 9, 12);
    expect(distinct(texts, 2)).toBeCloseTo(4 / 7, 12);
    // Runs of four: a b a b, b a b a, a b a b.
    expect(repetition([wordsOf("a b a b a b"), wordsOf("a b a b")])).toBeCloseTo(1 / 4, 12);
    expect([distinct([], 1), distinct([["one"]], 2), repetition([["too", "short"]])]).toEqual([null, null, null]);
  });

  it("lies between 0 and 1, and copies of a text only repeat", () => {
    const word = fc.constantFrom("a", "b", "c", "d");
    fc.assert(
      fc.property(fc.array(fc.array(word, { minLength: 4, maxLength: 12 }), { minLength: 1, maxLength: 5 }), (texts) => {
        for (const value of [distinct(texts, 1)!, distinct(texts, 2)!, repetition(texts)!]) {
          expect(value).toBeGreaterThanOrEqual(0);
          expect(value).toBeLessThanOrEqual(1);
        }
        expect(distinct([...texts, ...texts], 2)).toBeCloseTo(distinct(texts, 2)! / 2, 12);
        expect(repetition([...texts, ...texts])).toBeCloseTo(repetition(texts)!, 12);
      }),
    );
  });

  it("knows the reply that is given most often", () => {
    expect(commonest(["No.", "Yes", " yes ", "", "YES", "", "No."])).toEqual({ text: "Yes", count: 3 });
    expect(commonest(["b", "a"])).toEqual({ text: "b", count: 1 });
    expect(commonest([])).toEqual({ text: "", count: 0 });
  });

  it("is told for each variant, seed and configuration", () => {
    const strategy = { intended: "Question", realised: "Question", fit: 0.5 };
    const rows = [0, 1].flatMap((seed) =>
      madeUpRows({ variant: "SFT", configuration: "A", seed, eq: [1, 1] }).map((row, i) => ({
        ...{ ...row, response: i === 0 ? "so so" : "", stop: i === 0 ? ("length" as const) : ("eos" as const) },
        strategy: i === 0 ? strategy : { ...strategy, realised: "Others" },
      })),
    );
    const bits = [{ variant: "SFT", seed: 1, bitsPerByte: 2 }];
    const [first, second] = qualityOf(rows, bits);
    const shares = {
      distinct1: 0.5,
      distinct2: 1,
      repetition: null,
      sameReply: 0.5,
      meanTokens: 10.5,
      atLimit: 0.5,
      strategyRealised: 0.5,
    };
    expect(first).toEqual({ variant: "SFT", seed: 0, configuration: "A", replies: 2, bitsPerByte: null, ...shares });
    expect(second).toMatchObject({ seed: 1, bitsPerByte: 2 });
    // For fewer questions the rows are counted anew and the bits stay.
    expect(qualityOf(rows, qualityOf(rows, bits))).toEqual([first, second]);
  });
});

describe("people's replies", () => {
  const conversations = talks({ test: 6 });

  it("are drawn one of each dialogue before any second, after messages that a user began", () => {
    const items = humanItems(conversations, 8);
    expect(items).toHaveLength(8);
    expect(new Set(items.slice(0, 6).map(({ cluster }) => cluster)).size).toBe(6);
    expect(new Set(items.map(({ id }) => id)).size).toBe(8);
    expect(items.every(({ context, reply }) => context[0]!.role === "user" && reply.startsWith("reply"))).toBe(true);
    expect(humanItems([...conversations].reverse(), 8)).toEqual(items);
    expect(humanItems(conversations, 100)).toHaveLength(12);
    expect(() => humanItems(conversations, 0)).toThrow("humanItems: expected a whole number, at least 1, got 0");
  });

  it("cost the bits that their tokens' probabilities say, the end of the turn with them", async () => {
    const model = await tinyModel();
    afterAll(() => disposeModel(model));
    const items = humanItems(conversations, 7);
    const score = replyScorer(model);
    const pairs = items.map(({ context, reply }) => ({ context, chosen: reply, rejected: "no" }));
    const { chosen } = await score(encodePreferences(model.tokenizer!, plainTemplate, pairs, { maxTokens: 128 }), {
      batch: 4,
      shared: false,
    });
    score.dispose();
    const nats = -chosen.reduce((sum, value) => sum + value, 0);
    const bytes = items.reduce((sum, { reply }) => sum + new TextEncoder().encode(reply).length, 0);
    expect(await replyBits(model, items, plainTemplate)).toBeCloseTo(nats / Math.log(2) / bytes, 4);
    expect(await replyBits(model, [{ ...items[0]!, reply: "long ".repeat(200) }], plainTemplate)).toBeNull();
    expect(await leaked(() => replyBits(model, items, plainTemplate))).toBe(0);
  });
});
