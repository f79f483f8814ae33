import { createRequire } from "node:module";
import { JSDOM } from "jsdom";
import { describe, expect, it } from "vitest";
import { formatValue } from "../../src/kernel/format/value.js";

type Bundle = { "text/html": string; "text/plain": string };
type Danfo = typeof import("danfojs-node");
const { DataFrame, Series }: Danfo = createRequire(import.meta.url)("danfojs-node");

const asTable = (value: unknown): Bundle => formatValue(value, { tables: true }) as Bundle;
const cells = (html: string, selector: string): string[] =>
  [...new JSDOM(html).window.document.querySelectorAll(selector)].map((cell) => cell.textContent ?? "");

const EVIL = `</td><script>alert('1')</script><img src=x onerror="alert(1)">&amp;`;

/** Only the table's own elements and attributes may come out, whatever went in. */
function expectInert(html: string): void {
  const elements = [...new JSDOM(html).window.document.body.querySelectorAll("*")];
  const names = new Set(elements.map(({ tagName }) => tagName.toLowerCase()));
  for (const name of names) expect(["div", "table", "thead", "tbody", "tr", "th", "td"]).toContain(name);
  const attributes = new Set(elements.flatMap((element) => element.getAttributeNames()));
  for (const name of attributes) expect(["style", "title"]).toContain(name);
  expect(elements.length).toBeGreaterThan(5);
}

describe("danfo", () => {
  const frame = new DataFrame({ name: ["Ada", "Bob"], score: [61.4567, 3], fine: [true, false] } as never);

  it("frames are tables with numbered rows and types in the header", () => {
    const bundle = formatValue(frame) as Bundle;
    expect(cells(bundle["text/html"], "thead th")).toEqual(["", "name", "score", "fine"]);
    expect(cells(bundle["text/html"], "tbody tr:nth-child(1) > *")).toEqual(["0", "Ada", "61.46", "true"]);
    expect(bundle["text/html"]).toContain('title="float32"');
    expect(bundle["text/html"]).toContain('title="61.4567"');
    expect(bundle["text/plain"]).toBe("   name  score  fine\n0  Ada   61.46  true\n1  Bob       3  false\n2 rows × 3 columns");
  });

  it("numbers stand right, texts left", () => {
    const { window } = new JSDOM((formatValue(frame) as Bundle)["text/html"]);
    const aligns = [...window.document.querySelectorAll<HTMLElement>("tbody tr:first-child td")].map((cell) => cell.style.textAlign);
    expect(aligns).toEqual(["left", "right", "left"]);
  });

  it("series are tables of one column, named rows keep their names", () => {
    const series = new Series([1, 2], { index: ["a", "b"], columns: ["count"] } as never);
    expect((formatValue(series) as Bundle)["text/plain"]).toBe("   count\na      1\nb      2\n2 rows × 1 column");
  });

  it("large frames are cut in rows and columns, and say so", () => {
    const rows = Array.from({ length: 500 }, (_, i) => Array.from({ length: 30 }, (_, j) => i * j));
    const bundle = formatValue(new DataFrame(rows)) as Bundle;
    expect(cells(bundle["text/html"], "tbody tr")).toHaveLength(20);
    expect(cells(bundle["text/html"], "thead th")).toHaveLength(21);
    expect(bundle["text/plain"]).toContain("500 rows × 30 columns; the first 20 rows and first 20 columns shown");
  });

  it("no cell, header or row name can inject HTML", () => {
    const evil = new DataFrame(
      [
        [EVIL, 1],
        [2, EVIL],
      ] as never,
      { columns: [EVIL, `${EVIL}2`], index: [EVIL, "b"], dtypes: ["string", "string"] } as never,
    );
    expectInert((formatValue(evil) as Bundle)["text/html"]);
    (evil as unknown as { $setDtypes?: unknown }).$setDtypes = undefined;
    Object.defineProperty(evil, "dtypes", { value: [EVIL, EVIL] });
    expectInert((formatValue(evil) as Bundle)["text/html"]);
  });

  it("an empty frame is an empty table", () => {
    expect((formatValue(new DataFrame([])) as Bundle)["text/plain"]).toContain("0 rows × 0 columns");
  });
});

describe("lists of flat objects", () => {
  it("are text as a value, and a table by display", () => {
    const rows = [
      { a: 1, b: "x" },
      { b: "y", c: null },
    ];
    expect(Object.keys(formatValue(rows))).toEqual(["text/plain"]);
    const bundle = asTable(rows);
    expect(cells(bundle["text/html"], "thead th")).toEqual(["", "a", "b", "c"]);
    expect(bundle["text/plain"]).toBe("   a  b  c\n0  1  x  –\n1  –  y  –\n2 rows × 3 columns");
    expect(bundle["text/html"]).toContain('title="number"');
  });

  it.each([
    ["nested objects", [{ a: { b: 1 } }]],
    ["lists", [[1, 2]]],
    ["class instances", [new Date()]],
    ["functions", [{ a: () => 1 }]],
    ["mixed with other values", [{ a: 1 }, 2]],
    ["objects without fields", [{}]],
    ["no rows", []],
  ])("%s stay text", (_, rows) => {
    expect(Object.keys(asTable(rows))).toEqual(["text/plain"]);
  });

  it("show dates, big numbers, odd keys and long texts safely", () => {
    const rows = [
      {
        when: new Date(0),
        large: 10n ** 20n,
        ["__proto__"]: 1,
        constructor: 2,
        long: "z\n".repeat(5000),
        sym: Symbol("s"),
        bad: new Date(Number.NaN),
      },
    ];
    const { "text/html": html, "text/plain": plain } = asTable(rows);
    expect(cells(html, "tbody td").slice(0, 2)).toEqual(["1970-01-01T00:00:00.000Z", "100000000000000000000"]);
    expect(html.length).toBeLessThan(6000);
    expect(plain.split("\n")).toHaveLength(3);
  });

  it("cannot inject HTML by key or value", () => {
    const bundle = asTable([
      { [EVIL]: EVIL, b: Symbol(EVIL) },
      { [EVIL]: 1, b: `${EVIL}${"x".repeat(300)}` },
    ]);
    expectInert(bundle["text/html"]);
    expect(cells(bundle["text/html"], "tbody td")[0]).toBe(EVIL);
  });

  it("cannot break the text table with control characters", () => {
    expect(asTable([{ a: "x\u001b[31m\r\n\u0000y" }])["text/plain"].split("\n")[1]).toBe("0  x [31m y");
  });
});

describe("arquero", () => {
  /** The methods of arquero's Table that are used. */
  const table = (rows: { [name: string]: unknown }[], total: number) => ({
    numRows: () => total,
    numCols: () => 2,
    columnNames: () => ["a", "b"],
    objects: ({ limit, columns }: { limit: number; columns: string[] }) => {
      expect({ limit, columns }).toEqual({ limit: 20, columns: ["a", "b"] });
      return rows;
    },
  });

  it("tables are asked for the rows shown only", () => {
    const bundle = formatValue(table([{ a: 1, b: "x" }], 1_000_000)) as Bundle;
    expect(bundle["text/plain"]).toBe("   a  b\n0  1  x\n1,000,000 rows × 2 columns; the first 1 rows shown");
  });

  it("cells are escaped", () => {
    expectInert((formatValue(table([{ a: EVIL, b: { [EVIL]: EVIL } }], 1)) as Bundle)["text/html"]);
  });
});
