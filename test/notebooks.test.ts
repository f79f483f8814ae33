import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { NOTEBOOKS } from "../src/cli/demo.js";
import * as eq from "../src/index.js";
import { root } from "../src/setup/paths.mjs";

type Cell = { cell_type: string; source: string | string[]; outputs?: unknown[]; execution_count?: number | null };
const folder = join(root, "notebooks");
const cells = (file: string): Cell[] => (JSON.parse(readFileSync(join(folder, file), "utf8")) as { cells: Cell[] }).cells;
const text = ({ source }: Cell): string => (Array.isArray(source) ? source.join("") : source);

it("the four notebooks are there, and no others", () => {
  expect(
    readdirSync(folder)
      .filter((file) => file.endsWith(".ipynb"))
      .sort(),
  ).toEqual(NOTEBOOKS.map((name) => `${name}.ipynb`));
});

describe.each(NOTEBOOKS)("%s", (name) => {
  const all = cells(`${name}.ipynb`);

  it("is committed without outputs", () => {
    for (const cell of all.filter(({ cell_type }) => cell_type === "code"))
      expect([cell.outputs, cell.execution_count]).toEqual([[], null]);
  });

  it("uses only names that the library exports", () => {
    const used = all
      .filter(({ cell_type }) => cell_type === "code")
      .flatMap((cell) => [...text(cell).matchAll(/\beq\.([a-zA-Z_0-9]+)/g)].map((match) => match[1]!));
    const types = ["TrainEvent", "CausalLM", "Split", "Conversation", "HeadRun", "EqResults", "SummaryRow", "LearningMeasure"];
    expect(used.length).toBeGreaterThan(10);
    expect([...new Set(used)].filter((one) => !(one in eq) && !types.includes(one))).toEqual([]);
  });

  it("begins with a title and ends with something to try", () => {
    expect(text(all[0]!)).toMatch(/^# \d · /);
    expect(text(all.at(-1)!)).toContain("**Try**");
  });

  it("has another await where it has `for await`, without which tslab does not compile a cell", () => {
    for (const cell of all.map(text).filter((source) => /\bfor await\b/.test(source))) {
      expect(cell.replaceAll(/\bfor await\b/g, ""), cell.slice(0, 60)).toMatch(/\bawait\b/);
    }
  });

  it("has short cells", () => {
    for (const cell of all) expect(text(cell).split("\n").length, text(cell).slice(0, 60)).toBeLessThanOrEqual(32);
  });
});
