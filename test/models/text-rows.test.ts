import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { batchInputs, textBatches, textsIn } from "../../src/models/text-rows.js";

const textsOf = (lengths: number[]) =>
  lengths.map((length, i) => ({ text: String(i), ids: Array.from({ length }, (_, k) => 100 * i + k) }));

describe("texts in rows", () => {
  it("stand in exactly one place, in rows that hold them, in batches within the budget", () => {
    const lengths = fc.array(fc.integer({ min: 1, max: 200 }), { maxLength: 60 });
    fc.assert(
      fc.property(lengths, fc.integer({ min: 1, max: 1000 }), (lengths, tokens) => {
        const batches = textBatches(textsOf(lengths), tokens);
        const rows = batches.flatMap((batch) => batch.rows);
        expect(rows.flatMap(({ texts }) => texts.map(({ text }) => Number(text))).sort((a, b) => a - b)).toEqual([...lengths.keys()]);
        for (const { width, texts } of rows) {
          expect(texts.reduce((sum, { ids }) => sum + ids.length, 0)).toBeLessThanOrEqual(width);
          expect(texts.length).toBeLessThanOrEqual(textsIn(width));
        }
        for (const { width, rows } of batches) expect(rows.length === 1 || rows.length * width <= tokens).toBe(true);
        const shapes = batches.filter(({ full }) => full).map(({ width, rows }) => `${rows.length} x ${width}`);
        expect(new Set(shapes).size).toBe(new Set(batches.filter(({ full }) => full).map(({ width }) => width)).size);
      }),
    );
  });

  it("leave little room: 500 short ones fill nine tenths of it", () => {
    const texts = textsOf(Array.from({ length: 500 }, (_, i) => 4 + ((i * 7) % 29)));
    const used = texts.reduce((sum, { ids }) => sum + ids.length, 0);
    const room = textBatches(texts, 2048).reduce((sum, { width, rows }) => sum + width * rows.length, 0);
    expect(used / room).toBeGreaterThan(0.9);
  });

  it("come with their own segments, positions and weights, and a part batch is cut to its longest row", () => {
    const [batch] = textBatches(textsOf([3, 2]), 256);
    const { inputs, weights } = batchInputs(batch!, 9);
    expect([inputs.batch, inputs.time]).toEqual([1, 5]);
    expect([...inputs.ids]).toEqual([0, 1, 2, 100, 101]);
    expect([...inputs.segments]).toEqual([1, 1, 1, 2, 2]);
    expect([...inputs.positions]).toEqual([0, 1, 2, 0, 1]);
    expect([...weights.mean.subarray(0, 10)]).toEqual([...Array<number>(3).fill(Math.fround(1 / 3)), 0, 0, 0, 0, 0, 0.5, 0.5]);
    expect(weights.mean).toHaveLength(textsIn(64) * 5);
    expect([...weights.last.subarray(0, 10)]).toEqual([0, 0, 1, 0, 0, 0, 0, 0, 0, 1]);
    const sixths = [1 / 6, 2 / 6, 3 / 6].map(Math.fround);
    expect([...weights.position.subarray(0, 10)]).toEqual([...sixths, 0, 0, 0, 0, 0, Math.fround(1 / 3), Math.fround(2 / 3)]);
  });
});
