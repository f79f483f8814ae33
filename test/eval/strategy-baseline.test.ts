import { expect, it } from "vitest";
import { strategyFromHistory } from "../../src/eval/strategy-baseline.js";

const repeat = <T>(times: number, row: T): T[] => new Array<T>(times).fill(row);

it("counts by previous strategy and turn, and falls back on less where it knows less", () => {
  const train = [
    ...repeat(20, { previous: null, turn: 0, label: 0 }),
    ...repeat(50, { previous: 0, turn: 1, label: 1 }),
    ...repeat(50, { previous: 0, turn: 2, label: 2 }),
    ...repeat(90, { previous: 0, turn: 3, label: 2 }),
    { previous: 2, turn: 3, label: 1 },
  ];
  const test = [
    { previous: null, turn: 0 },
    { previous: 0, turn: 1 },
    { previous: 0, turn: 2 },
    { previous: 0, turn: 9 }, // a turn that was not seen: after 0 mostly comes 2
    { previous: 7, turn: 4 }, // nothing of it was seen: 2 is the most frequent
    { previous: 2, turn: 3 }, // seen once: not enough to overrule
  ];
  expect(strategyFromHistory(train, test, 3)).toEqual([0, 1, 2, 2, 2, 2]);
});

it("counts all late turns as one", () => {
  const train = [...repeat(40, { previous: 0, turn: 20, label: 1 }), ...repeat(60, { previous: 0, turn: 1, label: 0 })];
  expect(strategyFromHistory(train, [{ previous: 0, turn: 33 }], 2)).toEqual([1]);
});
