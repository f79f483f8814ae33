import { gzipSync } from "node:zlib";
import { parquetWriteBuffer } from "hyparquet-writer";
import { describe, expect, it } from "vitest";
import { FormatError } from "../../src/core/errors.js";
import { memorySource } from "../../src/files/source.js";
import { numberAt, readTable, requireColumns, textAt } from "../../src/files/table.js";

const one = async (path: string, data: string | Uint8Array, options = {}) => readTable(memorySource({ [path]: data }), path, options);
const zipped = (data: string | Uint8Array) => new Uint8Array(gzipSync(data));
const TWO_ROWS = [
  { a: "1", b: 'x, "y"' },
  { a: "2", b: "two\nlines" },
];

describe("readTable", () => {
  it("reads the same rows from csv, gzipped csv, json, jsonl and parquet", async () => {
    const csv = 'a,b\r\n1,"x, ""y"""\r\n2,"two\nlines"\r\n';
    const jsonl = TWO_ROWS.map((row) => JSON.stringify(row)).join("\n");
    const parquet = parquetWriteBuffer({
      columnData: [
        { name: "a", data: ["1", "2"], type: "STRING" },
        { name: "b", data: TWO_ROWS.map((row) => row.b), type: "STRING" },
      ],
    });
    const forms: [string, string | Uint8Array][] = [
      ["t.csv", csv],
      ["t.csv.gz", zipped(csv)],
      ["t.json", JSON.stringify(TWO_ROWS, null, 1)],
      ["t.json", jsonl],
      ["t.jsonl", jsonl],
      ["t.jsonl.gz", zipped(`${jsonl}\n`)],
      ["t.parquet", new Uint8Array(parquet)],
      ["t.parquet.gz", zipped(new Uint8Array(parquet))],
    ];
    for (const [path, data] of forms) {
      const table = await one(path, data);
      expect({ path, columns: table.columns, rows: table.rows }).toEqual({ path, columns: ["a", "b"], rows: TWO_ROWS });
    }
  });

  it("keeps double quotes in tab-separated text as they are", async () => {
    const table = await one("t.tsv", 'He said "no"\t3\n"Half quoted\t4,5\n', { columns: ["text", "labels"] });
    expect(table.rows).toEqual([
      { text: 'He said "no"', labels: "3" },
      { text: '"Half quoted', labels: "4,5" },
    ]);
  });

  it("turns int64 and lists of int64 in parquet into numbers, and reads by byte range", async () => {
    const parquet = new Uint8Array(parquetWriteBuffer({ columnData: [{ name: "n", data: [1n, 2n ** 40n], type: "INT64" }] }));
    const source = memorySource({ "t.parquet": parquet });
    let whole = 0;
    const table = await readTable({ ...source, read: async (path) => source.read(path).finally(() => whole++) }, "t.parquet");
    expect(table.rows).toEqual([{ n: 1 }, { n: 2 ** 40 }]);
    expect(whole).toBe(0);
  });

  it("reads only the columns that are asked for", async () => {
    expect((await one("t.csv", "a,b\n1,2\n", { select: ["b", "c"] })).rows).toEqual([{ b: "2" }]);
  });

  it("takes an unquoted csv with stray quotes as plain where that is allowed, and names the trouble where it is not", async () => {
    const csv = 'a,b\nhe said "hi",1\n"open,2\n,,trailing\n';
    expect((await one("t.csv", csv, { quoting: "either" })).rows).toEqual([
      { a: 'he said "hi"', b: "1" },
      { a: '"open', b: "2" },
      { a: "", b: "" },
    ]);
    await expect(one("t.csv", csv)).rejects.toThrow(/^t\.csv: expected CSV/);
  });

  it("names file and row where a row has the wrong number of cells", async () => {
    await expect(one("t.csv", "a,b\n1,2\n3\n")).rejects.toThrow('t.csv row 2: expected 2 cells (a, b), got 1: "3"');
    await expect(one("t.tsv", "1\t2\n3\n", { columns: ["a", "b"] })).rejects.toThrow("t.tsv row 2: expected 2 cells");
  });

  it("refuses what it cannot read as such: bytes, broken gzip, broken JSON, other extensions, a broken parquet", async () => {
    const bad: [string, string | Uint8Array, RegExp][] = [
      ["t.csv", new Uint8Array([97, 10, 0xff]), /UTF-8/],
      ["t.csv.gz", "not gzip", /gzip/],
      ["t.jsonl", '{"a":1}\n{"a":', /t\.jsonl row 2: expected one JSON object a line/],
      ["t.json", "[1]", /t\.json row 1: expected an object, got 1/],
      ["t.xml", "<a/>", /ending in \.csv/],
      ["t.parquet", "PAR1 but no more", /expected a parquet file/],
      ["t.csv", "", /header/],
    ];
    for (const [path, data, message] of bad) {
      const error = await one(path, data).catch((caught: unknown) => caught);
      expect(error).toBeInstanceOf(FormatError);
      expect((error as Error).message).toMatch(message);
    }
  });

  it("names file, row, column and value where a cell or a column is not what it should be", async () => {
    const table = await one("t.jsonl", '{"a":"x"}\n{"a":7}\n');
    expect(textAt(table, 0, "a")).toBe("x");
    expect(() => textAt(table, 1, "a")).toThrow('t.jsonl row 2, column "a": expected text, got 7');
    expect(() => numberAt(table, 0, "a")).toThrow('t.jsonl row 1, column "a": expected a number, got "x"');
    expect(() => requireColumns(table, ["a", "b"], "Add b.")).toThrow('expected columns a, b (missing: b), got ["a"]. Add b.');
  });
});
