import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encodePrompt } from "../../src/text/mask.js";
import { type ChatTemplate, plainTemplate, tagsTemplate } from "../../src/text/template.js";
import { encodePreferences, type Preference } from "../../src/train/pair-rows.js";
import { tinyTokenizer } from "../text/tiny.js";

const tokenizer = tinyTokenizer("pieces");
const bytes = tinyTokenizer("bytes");
const pair: Preference = {
  context: [
    { role: "user", content: "I lost my job today and I do not know what to do" },
    { role: "assistant", content: "Oh no." },
    { role: "user", content: "Yes." },
  ],
  chosen: "I am sorry to hear that, how do you feel now?",
  rejected: "Find another one.",
};
const promptOf = ({ ids, targets }: { ids: number[]; targets: boolean[] }): number[] => ids.slice(0, targets.indexOf(true));

describe("encoded preferences", () => {
  it.each([
    ["plain", tokenizer, plainTemplate],
    ["tags", tokenizer, tagsTemplate],
    ["plain, no BOS", bytes, plainTemplate],
  ])("hold the prompt and then the reply as target (%s)", (_, chosenTokenizer, template) => {
    const [encoded] = encodePreferences(chosenTokenizer, template, [pair], { maxTokens: 500 });
    const prompt = encodePrompt(chosenTokenizer, template, pair.context);
    expect(encoded!.cut).toBe(0);
    for (const side of ["chosen", "rejected"] as const) {
      const { ids, targets } = encoded![side];
      expect(promptOf({ ids, targets })).toEqual(prompt);
      expect(targets).toEqual(ids.map((_, i) => i >= prompt.length));
      expect(chosenTokenizer.decode(ids.slice(prompt.length)).trim()).toBe(pair[side]);
    }
  });

  it("keep one context on both sides, BOS in front, however much is cut", () => {
    const words = fc.array(fc.constantFrom("I", "am", "not", "well", "today", "sorry", "tell", "me", "more"), {
      minLength: 1,
      maxLength: 40,
    });
    const text = words.map((found) => found.join(" "));
    const run = fc.property(
      text,
      text,
      text,
      fc.integer({ min: 8, max: 120 }),
      fc.boolean(),
      (said, chosen, rejected, maxTokens, withBos) => {
        const chosenTokenizer = withBos ? tokenizer : bytes;
        const preference: Preference = { context: [{ role: "user", content: said }], chosen, rejected };
        const [whole] = encodePreferences(chosenTokenizer, plainTemplate, [preference], { maxTokens: 10_000 });
        const [cut] = encodePreferences(chosenTokenizer, plainTemplate, [preference], { maxTokens });
        const prompt = promptOf(cut!.chosen);
        expect(promptOf(cut!.rejected)).toEqual(prompt);
        expect(prompt.length).toBeGreaterThan(0);
        if (withBos) expect(prompt[0]).toBe(tokenizer.bosId);
        const kept = withBos ? prompt.slice(1) : prompt;
        expect(kept).toEqual(promptOf(whole!.chosen).slice(promptOf(whole!.chosen).length - kept.length));
        let lost = 0;
        for (const side of ["chosen", "rejected"] as const) {
          const [long, short] = [whole![side], cut![side]];
          expect(short.ids.length).toBeLessThanOrEqual(maxTokens);
          expect(short.targets).toHaveLength(short.ids.length);
          const reply = short.ids.slice(prompt.length);
          const full = long.ids.slice(promptOf(long).length);
          expect(reply.length).toBeGreaterThan(0);
          expect(full.slice(0, reply.length)).toEqual(reply);
          // A reply loses its end only where nothing is left of the prompt but its last token.
          if (reply.length < full.length) expect(kept).toHaveLength(1);
          lost += long.ids.length - short.ids.length;
        }
        expect(cut!.cut).toBe(lost);
      },
    );
    fc.assert(run, { numRuns: 150 });
  });

  it("are refused where nothing stands before the reply, or the template changes it", () => {
    const bare: ChatTemplate = { ...plainTemplate, lead: "", render: (messages) => messages.map(({ content }) => content).join("") };
    const shouting: ChatTemplate = {
      ...plainTemplate,
      render: (messages, options) => plainTemplate.render(messages, options).toUpperCase(),
    };
    expect(() => encodePreferences(bytes, bare, [{ ...pair, context: [] }], { maxTokens: 100 })).toThrow(
      "pair 0: expected a prompt that is the same",
    );
    expect(() => encodePreferences(tokenizer, shouting, [pair], { maxTokens: 100 })).toThrow("expected it to keep each reply's text");
    expect(() => encodePreferences(tokenizer, plainTemplate, [pair], { maxTokens: 7 })).toThrow(
      "maxTokens: expected a whole number, at least 8",
    );
  });
});
