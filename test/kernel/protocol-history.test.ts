import { describe, expect, test } from "vitest";
import { toPoints, toUnits } from "../../src/kernel/protocol/code-points.js";
import { History } from "../../src/kernel/protocol/history.js";

function history(): History {
  const made = new History();
  const cells: [string, string | null][] = [
    ["1+1", "2"],
    ["let a = [1]", null],
    ["a", "[ 1 ]"],
    ["1+1", "2"],
    ["a.b?", null],
  ];
  cells.forEach(([input, output], i) => {
    made.add({ line: i + 1, input, output });
  });
  return made;
}

describe("the history", () => {
  test("tail gives the last cells, with their values where they are asked for", () => {
    expect(history().query({ hist_access_type: "tail", n: 2 })).toEqual([
      [1, 4, "1+1"],
      [1, 5, "a.b?"],
    ]);
    expect(history().query({ hist_access_type: "tail", n: 2, output: true })).toEqual([
      [1, 4, ["1+1", "2"]],
      [1, 5, ["a.b?", null]],
    ]);
    expect(history().query({ hist_access_type: "tail", n: 100 })).toHaveLength(5);
  });

  test("range is half open; session 0 is this one and others are empty", () => {
    const lines = (query: object): number[] =>
      history()
        .query({ hist_access_type: "range", ...query })
        .map(([, line]) => line);
    expect(lines({ session: 0, start: 2, stop: 4 })).toEqual([2, 3]);
    expect(lines({ session: 1, start: 4 })).toEqual([4, 5]);
    expect(lines({ session: -1, start: 1, stop: 9 })).toEqual([]);
  });

  test("search matches the whole input, * and ? standing for text, everything else for itself", () => {
    const lines = (query: object): number[] =>
      history()
        .query({ hist_access_type: "search", ...query })
        .map(([, line]) => line);
    expect(lines({ pattern: "1+1" })).toEqual([1, 4]);
    expect(lines({ pattern: "1+1", unique: true })).toEqual([4]);
    expect(lines({ pattern: "*a*" })).toEqual([2, 3, 5]);
    expect(lines({ pattern: "*a*", n: 1 })).toEqual([5]);
    expect(lines({ pattern: "let a = [?]" })).toEqual([2]);
    expect(lines({ pattern: "a.b?" })).toEqual([5]);
    expect(lines({ pattern: "axb?" })).toEqual([]);
  });

  test("an unknown kind of access is refused", () => {
    expect(() => history().query({ hist_access_type: "all" })).toThrow('expected tail, range or search, got "all"');
  });
});

test("a cursor is counted in code points outside and in UTF-16 units inside", () => {
  const text = "a😀b";
  expect([0, 1, 2, 3, 4, 9].map((points) => toUnits(text, points))).toEqual([0, 1, 3, 4, 4, 4]);
  expect([0, 1, 3, 4, 9].map((units) => toPoints(text, units))).toEqual([0, 1, 2, 3, 3]);
});
