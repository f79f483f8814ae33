import { describe, expect, it } from "vitest";
import { loadEmpatheticDialogues } from "../../src/data/empathetic-dialogues.js";
import { loadGoEmotions } from "../../src/data/go-emotions.js";
import { overlaps } from "../../src/data/overlap.js";
import type { LabelledText, Split } from "../../src/data/record.js";
import { shared } from "../shared.js";

const text = (split: Split, words: string, source = "s"): LabelledText => ({ id: words, source, split, text: words, labels: [0] });

describe("overlaps", () => {
  it("counts records of the later split whose text is in the earlier, and repeats within one", () => {
    const texts = [
      text("train", "a b"),
      text("train", "a b"),
      text("train", "c"),
      text("test", "a b"),
      text("test", "A, b!"),
      text("test", "d"),
    ];
    expect(overlaps({ texts })).toEqual([
      { source: "s", of: "text", between: ["train", "train"], records: 1, nearly: 1, outOf: 3 },
      { source: "s", of: "text", between: ["train", "test"], records: 1, nearly: 2, outOf: 3 },
      { source: "s", of: "text", between: ["test", "test"], records: 0, nearly: 1, outOf: 3 },
    ]);
  });

  it("does not mix up data sets", () => {
    expect(overlaps({ texts: [text("train", "a", "x"), text("test", "a", "y")] }).map((overlap) => overlap.records)).toEqual([0, 0]);
  });

  it.skipIf(!shared)("finds the 43 GoEmotions dev texts and the two EmpatheticDialogues situations that also occur in train", async () => {
    const conversations = await loadEmpatheticDialogues(`${shared}/data`);
    const found = overlaps({ conversations, texts: await loadGoEmotions(`${shared}/data`) });
    const records = (of: string, second: Split) =>
      found.find((overlap) => overlap.of === of && overlap.between.join() === `train,${second}`)?.records;
    expect(records("text", "validation")).toBe(43);
    expect(records("text", "train")).toBe(183);
    expect(records("situation", "validation")).toBe(2);
    expect(records("dialogue", "validation")).toBe(0);
  });
});
