import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { bundleOf } from "../../src/cells/display.js";
import { concatFrames, danfo, frame, rowObjects } from "../../src/cells/frame.js";
import { tf } from "../../src/core/tf.js";

const scores = () =>
  frame([
    { variant: "base", score: 61.5, label: "a" },
    { variant: "sft", score: null, label: "b" },
    { variant: "sft", score: 60.5, label: "c" },
    { variant: "dpo", score: Number.NaN, label: "d" },
  ]);

describe("frame", () => {
  it("shares tfjs and leaves its backend alone", () => {
    const [backend, tensors] = [tf.getBackend(), tf.memory().numTensors];
    const library = danfo();
    expect(library.tensorflow.engine()).toBe(tf.engine());
    scores().describe();
    expect([tf.getBackend(), tf.memory().numTensors]).toEqual([backend, tensors]);
  });

  it("takes rows with missing fields, lists and flags", () => {
    const it = frame([
      { a: 1, b: [1, 2] },
      { a: 2.5, c: true },
      { b: undefined, c: false },
    ]);
    expect(it.columns).toEqual(["a", "b", "c"]);
    expect(it.values).toEqual([
      [1, "[1,2]", null],
      [2.5, null, true],
      [null, null, false],
    ]);
    expect(it.dtypes).toEqual(["float32", "string", "boolean"]);
  });

  it("takes columns, and refuses unequal ones by name", () => {
    expect(frame({ step: [1, 2], loss: [3.5, 3.25] }).values).toEqual([
      [1, 3.5],
      [2, 3.25],
    ]);
    expect(() => frame({ step: [1, 2], loss: [3] })).toThrow('frame column "loss": expected 2 values, got 1');
  });

  it("types a column by all its values", () => {
    const rows = Array.from({ length: 30 }, (_, i) => ({ id: i < 20 ? i : `q${i}` }));
    expect(frame(rows).dtypes).toEqual(["string"]);
    expect(frame([{ year: "1999" }]).dtypes).toEqual(["string"]);
  });

  it("may be empty", () => {
    expect(bundleOf(frame([]))["text/plain"]).toContain("0 rows × 0 columns");
    expect(bundleOf(frame([], { columns: ["a", "b"] }))["text/plain"]).toContain("0 rows × 2 columns");
  });

  it("leaves null out of group means, sums and counts", () => {
    const mean = scores().groupby(["variant"]).col(["score"]).mean();
    expect(mean.values).toEqual([
      ["base", 61.5],
      ["sft", 60.5],
      ["dpo", null],
    ]);
    const both = scores()
      .groupby(["variant"])
      .agg({ score: ["sum", "count"] });
    expect(both.values).toEqual([
      ["base", 61.5, 1],
      ["sft", 60.5, 1],
      ["dpo", 0, 0],
    ]);
  });

  it("describes columns with null", () => {
    const summary = scores().describe();
    expect(summary.columns).toEqual(["score"]);
    expect(summary.index).toEqual(["count", "mean", "std", "min", "median", "max", "variance"]);
    expect((summary.values as number[][]).flat()).toEqual([2, 61, Math.SQRT1_2, 60.5, 61, 61.5, 0.5]);
    expect(frame([{ name: "x" }]).describe().shape).toEqual([0, 0]);
  });

  it("sorts stably with null last, in both directions, and fast", () => {
    expect(rowObjects(scores().sortValues("score")).map((row) => row.label)).toEqual(["c", "a", "b", "d"]);
    expect(rowObjects(scores().sortValues("score", { ascending: false })).map((row) => row.label)).toEqual(["a", "c", "b", "d"]);
    expect(scores().sortValues("score").index).toEqual([2, 0, 1, 3]);
    const inPlace = scores();
    inPlace.sortValues("score", { inplace: true });
    expect(rowObjects(inPlace).map((row) => row.label)).toEqual(["c", "a", "b", "d"]);
    const large = frame(Array.from({ length: 100_000 }, (_, i) => ({ key: (i * 7919) % 100_000 })));
    const start = performance.now();
    expect(large.sortValues("key").values.slice(0, 3)).toEqual([[0], [1], [2]]);
    expect(performance.now() - start).toBeLessThan(3000); // 0.1 s where nothing else runs, danfo's own 4 s
    expect(() => scores().sortValues("nothing")).toThrow("expected one of the columns variant, score, label");
  });

  it("puts frames together by column name without changing them", () => {
    const [first, second] = [frame([{ a: 1, b: 2 }]), frame([{ b: 3, c: "x" }])];
    expect(rowObjects(concatFrames(first, second))).toEqual([
      { a: 1, b: 2, c: null },
      { a: null, b: 3, c: "x" },
    ]);
    expect([first.shape, second.shape]).toEqual([
      [1, 2],
      [1, 2],
    ]);
  });

  it("shows what danfo's methods return as HTML and as text", () => {
    const all = scores();
    const results = { frame: all, head: all.head(2), query: all.query(all.column("score").gt(61)), series: all.column("score") };
    for (const [name, value] of Object.entries(results)) {
      const bundle = bundleOf(value);
      expect(bundle["text/html"], name).toContain("<table");
      expect(bundle["text/plain"], name).toContain("61.50");
      expect(inspect(value)).toBe(bundle["text/plain"]);
    }
    expect(bundleOf(all.query(all.column("label").values.map((label) => label === "c")))["text/plain"]).toMatch(/^2\s+sft/m);
  });
});
