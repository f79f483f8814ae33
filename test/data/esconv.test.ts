import { describe, expect, it } from "vitest";
import { loadEsconv, readEsconv, readFailedEsconv, STRATEGIES, strategyNamed } from "../../src/data/esconv.js";
import { memorySource } from "../../src/files/source.js";
import { shared } from "../shared.js";

const ABOUT = {
  experience_type: "Current Experience",
  emotion_type: "Anxiety",
  problem_type: "Sleep Problems",
  situation: "I cannot sleep.",
};
const NEW = {
  ...ABOUT,
  dialog: [
    { text: "Hello.", speaker: "sys", strategy: "Others" },
    { text: "hi", speaker: "usr" },
    { text: "I cannot sleep", speaker: "usr" },
    { text: "Since when?", speaker: "sys", strategy: "Question" },
    { text: "I once could not either.", speaker: "sys", strategy: "Self-disclosure" },
    { text: "  ", speaker: "sys", strategy: "Information" },
    { text: "thanks", speaker: "usr" },
  ],
};
const OLD = {
  ...ABOUT,
  dialog: NEW.dialog.map((turn) => ({
    speaker: turn.speaker === "sys" ? "supporter" : "seeker",
    annotation: turn.strategy ? { strategy: turn.strategy === "Question" ? "Questions" : turn.strategy } : { feedback: "4" },
    content: `${turn.text}\n`,
  })),
};
const NULLS = { ...ABOUT, dialog: NEW.dialog.map((turn) => ({ knowledge: null, heal: null, strategy: null, ...turn })) };
const read = (files: Record<string, string>) => readEsconv(memorySource(files));

describe("ESConv", () => {
  it("gives the same conversation from both turn schemas, from one text column, and with null fields", async () => {
    const forms: Record<string, string>[] = [
      { "train.jsonl": JSON.stringify(NEW) },
      { "train.json": JSON.stringify([OLD]) },
      { "train.json": JSON.stringify([{ text: JSON.stringify(NEW) }]) },
      { "train.txt": `${JSON.stringify(NEW)}\n` },
      { "train.json": JSON.stringify(NULLS) },
      { "esconv/train.csv": `text\n"${JSON.stringify(NEW).replaceAll('"', '""')}"\n` },
    ];
    for (const files of forms) {
      expect((await read(files)).records).toEqual([
        {
          id: "esconv/train/1",
          source: "esconv",
          split: "train",
          emotion: "anxiety",
          problem: "sleep problems",
          situation: "I cannot sleep.",
          messages: [
            { role: "assistant", content: "Hello." },
            { role: "user", content: "hi I cannot sleep" },
            { role: "assistant", content: "Since when? I once could not either." },
            { role: "user", content: "thanks" },
          ],
          strategies: ["Others", null, "Question", null],
          allStrategies: [["Others"], [], ["Question", "Self-disclosure"], []],
        },
      ]);
    }
  });

  it("keeps splits, and counts the labels it renamed", async () => {
    const { records, counts } = await read({
      "train.json": JSON.stringify([OLD]),
      "valid.jsonl": JSON.stringify(OLD),
      "test.jsonl": JSON.stringify(NEW),
    });
    expect(records.map((record) => record.split)).toEqual(["train", "validation", "test"]);
    expect(counts).toEqual({ "Questions → Question": 2 });
  });

  it("splits the authors' one file the same way every time", async () => {
    const rows = [...Array(200).keys()].map((n) => ({ ...OLD, situation: `situation ${n}` }));
    const files = { "ESConv.json": JSON.stringify(rows) };
    const { records } = await read(files);
    expect(records).toEqual((await read(files)).records);
    expect(new Set(records.map((record) => record.split)).size).toBe(3);
    expect(records.filter((record) => record.split === "train").length).toBeGreaterThan(140);
  });

  it("knows other names of strategies, and no unknown ones", () => {
    const names = [
      "[Question]",
      "questions",
      "Other",
      "Direct Guidance",
      "Approval and Reassurance",
      "Restatement",
      "Reflection of Feelings",
    ];
    expect(names.map(strategyNamed)).toEqual([
      "Question",
      "Question",
      "Others",
      "Providing Suggestions",
      "Affirmation and Reassurance",
      "Restatement or Paraphrasing",
      "Reflection of feelings",
    ]);
    expect(strategyNamed("constructor")).toBeNull();
  });

  it("names file, row and turn where something is not as it should be", async () => {
    const turn = (change: object) => ({ "train.json": JSON.stringify([NEW, { ...NEW, dialog: [{ ...NEW.dialog[0], ...change }] }]) });
    await expect(read(turn({ strategy: "Scolding" }))).rejects.toThrow(
      /^train\.json row 2, column "dialog\[0\]": expected a strategy out of .*, got "Scolding"/,
    );
    await expect(read(turn({ speaker: "constructor" }))).rejects.toThrow(/expected a speaker out of usr/);
    await expect(read(turn({ text: 3 }))).rejects.toThrow(/expected a turn with its words as text/);
    await expect(read({ "train.json": '[{"dialog": 5}]' })).rejects.toThrow(
      'train.json row 1, column "dialog": expected a list of turns, got 5',
    );
    await expect(read({ "train.json": '[{"a": 5}]' })).rejects.toThrow(/missing: text/);
    await expect(read({ "train.txt": "no json\n" })).rejects.toThrow(/train\.txt row 1, column "text": expected JSON/);
  });

  it.skipIf(!shared)("reads the real files: strategy counts of the data card, before merging", async () => {
    const all = await loadEsconv(`${shared}/data`);
    const perSplit = (split: string) => all.filter((record) => record.split === split).length;
    expect([perSplit("train"), perSplit("validation"), perSplit("test")]).toEqual([844, 174, 182]);
    const count = new Map<string, number>();
    for (const name of all.flatMap((record) => record.allStrategies!.flat())) count.set(name, (count.get(name) ?? 0) + 1);
    expect(STRATEGIES.map((name) => count.get(name))).toEqual([3_524, 1_015, 1_344, 1_586, 2_634, 2_700, 1_121, 3_075]);
    const alternates = all.every(({ messages }) => messages.every((message, i) => message.role !== messages[i - 1]?.role));
    expect(alternates).toBe(true);
  });

  it.skipIf(!shared)("reads the real failed talks and puts their labels right", async () => {
    const { records, counts } = await readFailedEsconv(`${shared}/data`);
    expect(records).toHaveLength(196);
    expect(records.flatMap((record) => record.allStrategies!.flat())).toHaveLength(2_377);
    expect(counts).toEqual({
      "Questions → Question": 520,
      "Other → Others": 400,
      "Direct Guidance → Providing Suggestions": 11,
      "Approval and Reassurance → Affirmation and Reassurance": 7,
      "Restatement → Restatement or Paraphrasing": 3,
    });
  });
});
