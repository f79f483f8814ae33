import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { NotFoundError } from "../../src/core/errors.js";
import { STRATEGIES } from "../../src/data/esconv.js";
import { GO_EMOTIONS } from "../../src/data/go-emotions.js";
import { overlaps } from "../../src/data/overlap.js";
import { SPLITS } from "../../src/data/record.js";
import { openData, world } from "../../src/data/world.js";
import { shared } from "../shared.js";

describe("the embedded world", () => {
  it("holds the four data sets at the sizes that its card states", async () => {
    const { empathetic, esconv, goEmotions, eqBench } = await openData();
    const sizes = (records: { split: string }[]) => SPLITS.map((split) => records.filter((record) => record.split === split).length);
    expect(sizes(empathetic)).toEqual([103, 13, 12]);
    expect(sizes(esconv)).toEqual([96, 12, 12]);
    expect(sizes(goEmotions)).toEqual([599, 72, 76]);
    expect(eqBench).toHaveLength(24);
    const strategies = esconv.flatMap((record) => record.allStrategies!.flat());
    expect(STRATEGIES.map((name) => strategies.filter((other) => other === name).length)).toEqual([179, 59, 96, 70, 98, 125, 87, 109]);
    expect(eqBench.every((question) => question.reference.reduce((a, b) => a + b, 0) === 10)).toBe(true);
  });

  it("has every strategy, every emotion and every label where it must be learned and measured", async () => {
    const { empathetic, esconv, goEmotions } = await openData();
    expect(new Set(empathetic.map((record) => record.emotion)).size).toBe(32);
    for (const split of SPLITS) {
      const strategies = new Set(esconv.filter((record) => record.split === split).flatMap((record) => record.allStrategies!.flat()));
      expect(strategies.size).toBe(STRATEGIES.length);
      const texts = goEmotions.filter((record) => record.split === split);
      const least = Math.min(...GO_EMOTIONS.map((_name, label) => texts.filter((record) => record.labels.includes(label)).length));
      expect(least).toBeGreaterThanOrEqual(split === "train" ? 20 : 3);
    }
  });

  it("shares no text, dialogue or situation between its splits, also when case and punctuation are disregarded", async () => {
    const { empathetic, esconv, goEmotions } = await openData();
    const found = overlaps({ conversations: [...empathetic, ...esconv], texts: goEmotions });
    expect(found).toHaveLength(5 * 6);
    expect(found.filter((overlap) => overlap.nearly > 0)).toEqual([]);
  });

  it.skipIf(!shared)("holds no sentence of the real data sets", async () => {
    const texts = ({ empathetic, esconv, goEmotions }: Awaited<ReturnType<typeof openData>>) => [
      ...[...empathetic, ...esconv].flatMap((record) => [record.situation ?? "", ...record.messages.map((message) => message.content)]),
      ...goEmotions.map((record) => record.text),
    ];
    // Nine words are a sentence of somebody's; shorter ones ("what are you going to do") belong to everybody.
    const sentences = (all: string[]) =>
      all
        .flatMap((text) => text.toLowerCase().split(/[.!?\n]+/))
        .map((text) =>
          text
            .replaceAll("'", "")
            .replace(/[^a-z0-9]+/g, " ")
            .trim(),
        );
    const real = new Set(sentences(texts(await openData(`${shared}/data`))));
    const own = sentences(texts(await openData())).filter((sentence) => sentence.split(" ").length >= 9);
    expect(own.length).toBeGreaterThan(1500);
    expect(own.filter((sentence) => real.has(sentence))).toEqual([]);
  });

  it("has the controls beside it", () => {
    const controls = JSON.parse(readFileSync(join(world("esconv"), "..", "controls.json"), "utf8"));
    expect(Object.keys(controls)).toEqual(["offTopic", "encouraging"]);
    expect([controls.offTopic.length, controls.encouraging.length]).toEqual([10, 3]);
  });

  it("says what is missing where the folder is not there or lacks a data set", async () => {
    await expect(openData(join(world("esconv"), "nowhere"))).rejects.toThrow(NotFoundError);
    await expect(openData(join(world("esconv"), "..", ".."))).rejects.toThrow(
      /expected files named train\.\*, valid\.\* or test\.\* here or in empathetic_dialogues/,
    );
  });
});
