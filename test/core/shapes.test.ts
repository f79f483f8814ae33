import { expect, it } from "vitest";
import { expected, shown } from "../../src/core/errors.js";
import { checkInteger, checkNumber, dims } from "../../src/core/shapes.js";

it("dims names the axes, or says which shape came", () => {
  expect(dims({ shape: [2, 3] }, ["batch", "time"], "labels")).toEqual({ batch: 2, time: 3 });
  expect(() => dims({ shape: [3] }, ["batch", "time"], "labels")).toThrow(new RangeError("labels: expected shape [batch, time], got [3]"));
});

it("numbers are checked with what was expected and what came", () => {
  expect(checkInteger("rank", 4, 1)).toBe(4);
  expect(() => checkInteger("rank", 0.5, 1)).toThrow("rank: expected a whole number, at least 1, got 0.5");
  expect(() => checkInteger("topK", 9, 1, 5)).toThrow("topK: expected a whole number from 1 to 5, got 9");
  expect(() => checkNumber("dropout", Number.NaN, 0, 1)).toThrow("dropout: expected a number from 0 to 1, got NaN");
  expect(() => checkNumber("beta", -1, 0)).toThrow("beta: expected a number, at least 0, got -1");
});

it("values in errors are short and quoted", () => {
  expect(shown("x".repeat(200))).toHaveLength(82);
  expect(shown({ shape: [1, 2] })).toBe("tensor [1, 2]");
  expect(shown(12n)).toBe("12n");
  expect(expected("a", "b", "c", "Do d")).toBe('a: expected b, got "c". Do d');
});
