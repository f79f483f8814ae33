import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, it } from "vitest";
import { cellsOf, runCells } from "../../src/cli/run-cells.js";

const folder = mkdtempSync(join(tmpdir(), "eqlab-cells-"));
afterEach(() => rmSync(join(folder, "out.txt"), { force: true }));

function notebook(...sources: string[]): string {
  const file = join(folder, "test_cells.ipynb");
  const cells = [
    { cell_type: "markdown", source: "# title" },
    ...sources.map((source) => ({ cell_type: "code", source: source.split(/(?<=\n)/) })),
  ];
  writeFileSync(file, JSON.stringify({ cells }));
  return file;
}

it("cells run as one TypeScript module, with top-level await, and see the environment", async () => {
  const file = notebook(
    'import { writeFileSync } from "node:fs";\nconst n: number = await Promise.resolve(20);',
    "const total = n + 1;\nwriteFileSync(process.env.TARGET!, String(total * 2));",
  );
  expect(await cellsOf(file)).toHaveLength(2);
  const { readFileSync } = await import("node:fs");
  await runCells(file, { TARGET: join(folder, "out.txt") });
  expect(readFileSync(join(folder, "out.txt"), "utf8")).toBe("42");
});

it("a cell that throws fails the run", async () => {
  await expect(runCells(notebook('throw new Error("in a cell");'), {})).rejects.toThrow("ended with exit code 1");
});

it("a file that is no notebook is refused", async () => {
  const file = join(folder, "no.ipynb");
  writeFileSync(file, "{}");
  await expect(cellsOf(file)).rejects.toThrow("expected a notebook with a list of cells");
});
