import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { strFromU8, unzipSync, zipSync } from "fflate";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { FormatError, NotFoundError } from "../../src/core/errors.js";
import { type Cell, MAX_CELL_CHARACTERS, readWorkbook, type Sheet, writeWorkbook } from "../../src/files/workbook.js";
import { checkWithOracle, oracle } from "./oracle.js";

let folder: string;
let path: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "eqlab-workbook-"));
  path = join(folder, "results.xlsx");
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** One pixel, transparent. */
const png = new Uint8Array(
  Buffer.from("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==", "base64"),
);

const textSheet = (texts: Cell[], name = "texts"): Sheet => ({ name, columns: [{ header: "text" }], rows: texts.map((text) => [text]) });

/** Writes one column and gives back what is in it. */
async function roundTrip(texts: Cell[]): Promise<(Cell | undefined)[]> {
  await writeWorkbook(path, [textSheet(texts)]);
  const rows = (await readWorkbook(path)).get("texts")!;
  expect(rows[0]).toEqual(["text"]);
  return texts.map((_, i) => rows[i + 1]?.[0]);
}

async function filesOf(path: string): Promise<Record<string, string>> {
  const files = unzipSync(new Uint8Array(await readFile(path)));
  return Object.fromEntries(Object.entries(files).map(([name, bytes]) => [name, strFromU8(bytes)]));
}

const INJECTIONS = [
  "=1+1",
  "+1",
  "-1",
  "@SUM(A1)",
  "\t=1",
  "\r=1",
  "{=1}",
  '=HYPERLINK("http://x")',
  "＝1",
  "http://example.org",
  "1",
  "TRUE",
  "'x",
];

describe("writeWorkbook", () => {
  it("writes texts only as shared strings: no formula, no link, whatever they begin with", async () => {
    expect(await roundTrip(INJECTIONS)).toEqual(INJECTIONS.map((text) => text.replace("\r", "\n")));
    const files = await filesOf(path);
    const sheet = files["xl/worksheets/sheet1.xml"]!;
    expect(sheet).not.toMatch(/<f[\s>/]|hyperlink/i);
    expect(Object.keys(files).filter((name) => /rels$/.test(name) && /hyperlink|External/i.test(files[name]!))).toEqual([]);
    const cells = [...sheet.matchAll(/<c [^>]*>/g)].map(([cell]) => cell);
    expect(cells).toHaveLength(INJECTIONS.length + 1);
    for (const cell of cells) expect(cell).toContain(' t="s"');
  });

  it("refuses formulas, links and dates that come as objects", async () => {
    for (const cell of [{ formula: "1+1" }, { text: "x", hyperlink: "http://x" }, new Date(), undefined, 1n]) {
      await expect(writeWorkbook(path, [textSheet([cell as never])])).rejects.toThrow(TypeError);
    }
  });

  it("keeps numbers, booleans, empty cells and line breaks, and writes what is no finite number as text", async () => {
    const cells = [0, -1.5, 0.1 + 0.2, 1e300, true, false, null, "a\nb", " padded ", "", NaN, Infinity, "<b>&amp;\"'"];
    const expected = [...cells.slice(0, 10), "NaN", "Infinity", cells[12]];
    expect((await roundTrip(cells)).map((cell) => cell ?? null)).toEqual(expected);
  });

  it("cuts texts at 32,767 characters, with an ellipsis that shows it and never half a character", async () => {
    const fits = "x".repeat(MAX_CELL_CHARACTERS);
    const [kept, cut, emoji] = await roundTrip([fits, `${fits}y`, `x${"😀".repeat(MAX_CELL_CHARACTERS)}`]);
    // Not toBe: a difference would be printed, 32,767 characters of it.
    const ends = (text: Cell | undefined) => ({ length: String(text).length, end: String(text).slice(-3) });
    expect(kept === fits).toBe(true);
    expect(ends(cut)).toEqual({ length: MAX_CELL_CHARACTERS, end: "xx…" });
    expect(ends(emoji)).toEqual({ length: MAX_CELL_CHARACTERS - 1, end: "😀…" });
  });

  it("keeps emoji whole in long workbooks, wherever they lie", async () => {
    for (const before of ["", "x", "xx", "xxx"]) {
      const texts = [before, ...Array.from({ length: 5 }, (_, i) => `${i}${"😀".repeat(16_000)}`)];
      const read = await roundTrip(texts);
      expect(read.map((text, i) => text === texts[i])).toEqual(texts.map(() => true));
    }
  });

  it("drops control characters, replaces broken ones and keeps texts that look like Excel's escapes", async () => {
    const texts = [
      "a\u0000b\u0007c\u001bd\u007f",
      "\ud800x",
      "\uffff!",
      "_x0041_",
      "_x005F_x0041_",
      "_x00e9__x00E9_",
      "a\r\nb\rc",
      "__proto__",
      "constructor",
    ];
    expect(await roundTrip(texts)).toEqual([
      "abcd",
      "\ufffdx",
      "!",
      "_x0041_",
      "_x005F_x0041_",
      "_x00e9__x00E9_",
      "a\nb\nc",
      "__proto__",
      "constructor",
    ]);
    const { "xl/sharedStrings.xml": strings } = await filesOf(path);
    expect(strings).toContain('<t xml:space="preserve">_x005F_x0041_</t>');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: none of these may be there
    expect(strings).not.toMatch(/[\x00-\x08\x0b-\x1f]/);
  });

  it("gives back any text that XML can hold", async () => {
    const text = fc.string({ unit: "binary", maxLength: 30 }).filter((text) => !/[\p{Cc}\ufffe\uffff]/u.test(text));
    await fc.assert(
      fc.asyncProperty(fc.array(text, { minLength: 1, maxLength: 30 }), async (texts) => {
        expect(await roundTrip(texts)).toEqual(texts);
      }),
      { numRuns: 20 },
    );
  });

  it("freezes a bold header, filters, sets widths, formats and wrapping", async () => {
    const columns = [{ header: "id", width: 9 }, { header: "score", format: "0.000" }, { header: "response" }];
    await writeWorkbook(path, [
      {
        name: "run",
        columns,
        rows: [
          [1, 0.5, "word ".repeat(100)],
          [2, 0.25, "short"],
        ],
      },
    ]);
    const { "xl/worksheets/sheet1.xml": sheet, "xl/styles.xml": styles } = await filesOf(path);
    expect(sheet).toMatch(/<pane ySplit="1" topLeftCell="A2"[^>]* state="frozen"\/>/);
    expect(sheet).toContain('<autoFilter ref="A1:C3"/>');
    expect([...sheet!.matchAll(/<col [^>]*width="([\d.]+)"/g)].map(([, width]) => Number(width))).toEqual([9, 8, 60]);
    expect(styles).toContain('formatCode="0.000"');
    expect(styles).toContain("<b/>");
    const { default: exceljs } = await import("exceljs");
    const workbook = new exceljs.Workbook();
    await workbook.xlsx.readFile(path);
    const read = workbook.getWorksheet("run")!;
    expect(read.getCell("A1").font).toMatchObject({ bold: true });
    expect(read.getCell("A2").font?.bold).toBeFalsy();
    expect(read.getCell("B3").numFmt).toBe("0.000");
    expect(["A2", "C2", "C3"].map((cell) => read.getCell(cell).alignment?.wrapText ?? false)).toEqual([false, true, true]);
  });

  it("makes rows as high as their texts, six lines at most, since not every program does", async () => {
    const texts = ["short", "one two three four five", "a\nb\nc", "", "word ".repeat(400), `${"x".repeat(25)} y`];
    await writeWorkbook(path, [
      { name: "run", columns: [{ header: "a header of three lines", width: 10 }], rows: texts.map((text) => [text]) },
    ]);
    const { "xl/worksheets/sheet1.xml": sheet } = await filesOf(path);
    const heights = [...sheet!.matchAll(/<row ([^>]*)>/g)].map(([, attributes]) =>
      Number(/ ht="([\d.]+)"/.exec(` ${attributes}`)?.[1] ?? 0),
    );
    expect(heights).toEqual([45, 0, 45, 45, 0, 90, 45]);
    expect(sheet).toMatch(/<pageSetup[^>]*fitToHeight="0"/);
    expect(sheet).toMatch(/<sheetPr><pageSetUpPr fitToPage="1"/);
  });

  it("puts a picture right of the table, in its own size", async () => {
    await writeWorkbook(path, [{ ...textSheet(["a"]), image: { png } }]);
    const files = unzipSync(new Uint8Array(await readFile(path)));
    expect(files["xl/media/image1.png"]).toEqual(png);
    const drawing = strFromU8(files["xl/drawings/drawing1.xml"]!);
    expect(drawing).toMatch(/<xdr:from><xdr:col>2<\/xdr:col>.*<xdr:row>1<\/xdr:row>/);
    expect(drawing).toContain('<xdr:ext cx="9525" cy="9525"/>');
    await expect(writeWorkbook(path, [{ ...textSheet(["a"]), image: { png: png.slice(1) } }])).rejects.toThrow("a PNG file");
  });

  it("gives the same bytes for the same sheets, whenever; the date in the file is the one asked for", async () => {
    const sheets = [textSheet(["a", 1]), { ...textSheet(["b"], "more"), image: { png } }];
    const other = join(folder, "other.xlsx");
    await writeWorkbook(path, sheets);
    await new Promise((resolve) => setTimeout(resolve, 2100)); // zip files count in steps of two seconds
    await writeWorkbook(other, sheets);
    expect(await readFile(other)).toEqual(await readFile(path));
    await writeWorkbook(other, sheets, { created: new Date(Date.UTC(2026, 0, 2)) });
    expect((await filesOf(other))["docProps/core.xml"]).toContain("2026-01-02T00:00:00Z");
  });

  it("refuses what Excel cannot hold, and keeps the file that was there", async () => {
    await writeWorkbook(path, [textSheet(["old"])]);
    const rejects = (sheets: Sheet[], message: string) => expect(writeWorkbook(path, sheets)).rejects.toThrow(message);
    await rejects([], "at least one sheet");
    for (const name of ["", "x".repeat(32), "a/b", "a[b", "a:b", "'a", "a'", "History", "a\u0001"])
      await rejects([textSheet([], name)], "sheet name");
    await rejects([textSheet([], "Run"), textSheet([], "run")], "each name once");
    await rejects([{ name: "a", columns: [], rows: [] }], "columns");
    await rejects([{ ...textSheet([]), rows: [["a"], ["a", "b"]] }], "sheet texts, row 1: expected 1 cells, got 2");
    await rejects([{ ...textSheet([]), rows: new Array(1_048_576).fill(["a"]) }], "rows");
    expect((await readWorkbook(path)).get("texts")).toEqual([["text"], ["old"]]);
  });

  it.skipIf(!oracle)("writes workbooks that openpyxl and pandas read", async () => {
    const own = await mkdtemp(join(folder, "oracle-"));
    const rows: Cell[][] = [...INJECTIONS, "é😀", "a\nb", "_x0041_"].map((text, i) => [text.replace("\r", "\n"), i / 8, i % 2 === 0, null]);
    const columns = ["text", "score", "usable", "nothing"].map((header) => ({ header }));
    await writeWorkbook(join(own, "results.xlsx"), [{ name: "samples", columns, rows, image: { png } }]);
    await writeFile(
      join(own, "expected.json"),
      JSON.stringify({ "results.xlsx": { samples: [columns.map(({ header }) => header), ...rows] } }),
    );
    expect(checkWithOracle("workbook.py", own)).toContain(`results.xlsx: ${rows.length + 1} rows are equal`);
  });
});

describe("readWorkbook", () => {
  it("gives values of formulas, dates and formatted texts of workbooks by others", async () => {
    const { default: exceljs } = await import("exceljs");
    const workbook = new exceljs.Workbook();
    const sheet = workbook.addWorksheet("mixed");
    sheet.addRow([{ formula: "1+1", result: 2 }, new Date(Date.UTC(2026, 1, 3)), { richText: [{ text: "a" }, { text: "b" }] }]);
    sheet.addRow([]);
    sheet.addRow([{ text: "shown", hyperlink: "http://example.org" }, { error: "#DIV/0!" }, { formula: "A9" }]);
    workbook.addWorksheet("empty");
    await workbook.xlsx.writeFile(path);
    const read = await readWorkbook(path);
    expect([...read.keys()]).toEqual(["mixed", "empty"]);
    expect(read.get("mixed")).toEqual([[2, "2026-02-03T00:00:00.000Z", "ab"], [], ["shown", null, null]]);
    expect(read.get("empty")).toEqual([]);
  });

  it("says whether a file is not there or no workbook", async () => {
    await expect(readWorkbook(join(folder, "none.xlsx"))).rejects.toThrow(NotFoundError);
    const bad = { text: "hello", "empty.zip": zipSync({}), "other.zip": zipSync({ a: new Uint8Array(3) }), nothing: "" };
    for (const [name, data] of Object.entries(bad)) {
      await writeFile(join(folder, name), data);
      await expect(readWorkbook(join(folder, name)), name).rejects.toThrow(FormatError);
    }
  });

  it("refuses a file that says it is larger than 1 GiB unpacked", async () => {
    const huge = zipSync({ "xl/workbook.xml": new Uint8Array(10) });
    const view = new DataView(huge.buffer, huge.byteOffset);
    view.setUint32(view.getUint32(huge.length - 6, true) + 24, 2 ** 31, true);
    await writeFile(path, huge);
    await expect(readWorkbook(path)).rejects.toThrow("bytes unpacked");
  });
});
