import { expect, it } from "vitest";
import type { Split } from "../../src/data/record.js";
import { heldOut } from "../../src/eval/held-out.js";

const records = (split: Split, count: number, prefix: string = split) =>
  Array.from({ length: count }, (_, i) => ({ split, text: `${prefix} ${i}` }));
const text = (record: { text: string }) => record.text;

it("keeps the data's own splits, and says how many test records stand in train too", () => {
  const own = heldOut([...records("train", 5), ...records("validation", 3), ...records("test", 2)], text);
  expect([own.train.length, own.validation.length, own.test.length, own.note]).toEqual([5, 3, 2, "the data's own splits"]);
  const repeated = heldOut([...records("train", 5, "x"), ...records("validation", 3), ...records("test", 7, "x")], text);
  expect(repeated.note).toBe("the data's own splits; 5 of 7 test records also stand in train");
});

it("halves validation where there is no test split, with equal keys on one side, and says so", () => {
  const validation = [...records("validation", 200, "v"), ...records("validation", 200, "v")];
  const { train, note, ...halves } = heldOut([...records("train", 5), ...validation], text);
  expect(train).toHaveLength(5);
  expect(note).toContain("no test split: its validation records were halved by hash");
  expect(halves.validation.length + halves.test.length).toBe(400);
  expect(Math.abs(halves.validation.length - halves.test.length)).toBeLessThan(80);
  const chosen = new Set(halves.validation.map(text));
  expect(halves.test.filter((record) => chosen.has(text(record)))).toEqual([]);
});

it("takes from train what else is missing", () => {
  const noValidation = heldOut([...records("train", 300), ...records("test", 9)], text);
  expect(noValidation.test).toHaveLength(9);
  expect(noValidation.validation.length).toBeGreaterThan(10);
  expect(noValidation.note).toContain("a tenth of train");
  const none = heldOut(records("train", 300), text);
  expect(none.train.length + none.validation.length + none.test.length).toBe(300);
  expect(none.note).toContain("80/10/10");
});

it("refuses data that leaves a split empty", () => {
  expect(() => heldOut(records("train", 1), text)).toThrow("expected records for train, validation and test, got");
  expect(() => heldOut(records("test", 5), text)).toThrow("held-out data");
});
