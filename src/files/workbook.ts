import { readFile } from "node:fs/promises";
import type { CellValue, Workbook, Worksheet } from "exceljs";
import { strFromU8, strToU8, unzipSync, zipSync } from "fflate";
import { expected, FormatError, NotFoundError } from "../core/errors.js";
import { excelText, WorkbookTexts } from "./workbook-text.js";
import { writeFileSafely } from "./write.js";

export { MAX_CELL_CHARACTERS } from "./workbook-text.js";

export type Cell = string | number | boolean | null;

export type Column = {
  header: string;
  /** In characters; the default fits the first rows, from 8 to 60. */
  width?: number;
  /** Excel's number format, such as `0.000` or `0.0%`. */
  format?: string;
};

export type SheetImage = {
  png: Uint8Array;
  /** The upper left cell, from 0; the default is right of the table, below the header. */
  column?: number;
  row?: number;
  /** In pixels; the defaults are the picture's own. */
  width?: number;
  height?: number;
};

export type Sheet = { name: string; columns: Column[]; rows: Cell[][]; image?: SheetImage };

const SHARED_STRINGS = "xl/sharedStrings.xml";
const MAX_ROWS = 1_048_576;
const MAX_COLUMNS = 16_384;
const MAX_READ_BYTES = 2 ** 30;
const MAX_READ_CELLS = 20_000_000;

/**
 * Writes an Excel workbook: per sheet a bold header row that stays in view, filters, column widths, long texts wrapped. Texts are
 * written as texts, so that one beginning with "=" is never a formula; they lose control characters and end in "…" where they are
 * longer than a cell can be, and a row shows six lines of them at most. Numbers that are not finite become texts. The same sheets give the same bytes, whatever the clock: the
 * date in the file is `created`.
 * @throws RangeError for a sheet that Excel cannot hold; TypeError for a cell that is not a text, number, boolean or null.
 */
export async function writeWorkbook(
  path: string,
  sheets: readonly Sheet[],
  { created = new Date(Date.UTC(2000, 0, 1)) } = {},
): Promise<void> {
  const workbook = await newWorkbook();
  Object.assign(workbook, { creator: "eqlab", lastModifiedBy: "eqlab", created, modified: created });
  const texts = new WorkbookTexts();
  const names = new Set<string>();
  for (const sheet of sheets) {
    checkSheet(sheet, names);
    addSheet(workbook, sheet, texts);
  }
  if (sheets.length === 0) throw new RangeError(expected("workbook", "at least one sheet", 0));
  const files = unzipSync(new Uint8Array(await workbook.xlsx.writeBuffer()));
  for (const name of Object.keys(files)) if (name.endsWith("/")) delete files[name]; // folders are no parts of a workbook
  files[SHARED_STRINGS] = strToU8(texts.fill(strFromU8(files[SHARED_STRINGS]!)));
  // exceljs dates the entries with the clock; 1980 is where the dates of zip files begin, and they are local.
  await writeFileSafely(path, zipSync(files, { mtime: new Date(1980, 0, 1) }));
}

/**
 * Reads a workbook: names of sheets to rows of cells, the header row included. Of a formula it gives the stored result, of a date its
 * ISO form, of an error or an empty cell null. A row ends at its last cell.
 * @throws NotFoundError where there is no such file; FormatError where it is not a workbook or larger than 1 GiB unpacked.
 */
export async function readWorkbook(path: string): Promise<Map<string, Cell[][]>> {
  const bytes = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    throw error.code === "ENOENT" ? new NotFoundError(expected(path, "a workbook", "no file")) : error;
  });
  const workbook = await newWorkbook();
  try {
    checkUnpackedSize(bytes, path);
    await workbook.xlsx.load(bytes as never);
  } catch (error) {
    if (error instanceof FormatError) throw error;
    throw new FormatError(expected(path, "an Excel workbook (.xlsx)", (error as Error).message));
  }
  if (workbook.worksheets.length === 0) throw new FormatError(expected(path, "an Excel workbook (.xlsx)", "a zip file without sheets"));
  let room = MAX_READ_CELLS;
  const sheets = new Map<string, Cell[][]>();
  for (const sheet of workbook.worksheets) {
    const rows: Cell[][] = [];
    for (let r = 1; r <= sheet.rowCount; r++) {
      const row = sheet.getRow(r);
      room -= row.cellCount + 1;
      if (room < 0) throw new FormatError(expected(path, `at most ${MAX_READ_CELLS} cells`, "more"));
      rows.push(Array.from({ length: row.cellCount }, (_, c) => plainCell(row.getCell(c + 1).value)));
    }
    sheets.set(sheet.name, rows);
  }
  return sheets;
}

/** exceljs takes 0.7 s to load, so it is loaded when a workbook is wanted. */
async function newWorkbook(): Promise<Workbook> {
  const { default: exceljs } = await import("exceljs");
  return new exceljs.Workbook();
}

function checkSheet({ name, columns, rows }: Sheet, names: Set<string>): void {
  const isLegal =
    name.length > 0 && name.length <= 31 && !/[\\/?*[\]:\p{Cc}\p{Surrogate}]|^'|'$/u.test(name) && name.toLowerCase() !== "history";
  if (!isLegal) throw new RangeError(expected("sheet name", "1 to 31 characters without \\ / ? * [ ] :, no quote at either end", name));
  if (names.has(name.toLowerCase())) throw new RangeError(expected("sheet name", "each name once, in whatever case", name));
  names.add(name.toLowerCase());
  if (columns.length < 1 || columns.length > MAX_COLUMNS) {
    throw new RangeError(expected(`sheet ${name}`, `1 to ${MAX_COLUMNS} columns`, columns.length));
  }
  if (rows.length >= MAX_ROWS) throw new RangeError(expected(`sheet ${name}`, `fewer than ${MAX_ROWS} rows`, rows.length));
  const wrong = rows.findIndex((row) => row.length !== columns.length);
  if (wrong >= 0) throw new RangeError(expected(`sheet ${name}, row ${wrong}`, `${columns.length} cells`, rows[wrong]!.length));
}

function addSheet(workbook: Workbook, { name, columns, rows, image }: Sheet, texts: WorkbookTexts): void {
  const sheet = workbook.addWorksheet(name, { views: [{ state: "frozen", ySplit: 1 }], pageSetup: ON_PAPER });
  const header = columns.map(({ header }) => writtenCell(header, `sheet ${name}: header`));
  const cells = rows.map((row, r) => row.map((cell, c) => writtenCell(cell, `sheet ${name}, row ${r}, column ${columns[c]!.header}`)));
  for (const row of [header, ...cells]) sheet.addRow(row.map((cell) => (typeof cell === "string" ? texts.standIn(cell) : cell)));
  columns.forEach(({ width, format }, c) => {
    const column = sheet.getColumn(c + 1);
    const needed = neededWidth([header, ...cells.slice(0, 200)].map((row) => row[c]!));
    column.width = width ?? Math.min(60, Math.max(8, needed + 2));
    const wraps = cells.some((row) => typeof row[c] === "string" && (row[c].length > column.width! || row[c].includes("\n")));
    column.alignment = { vertical: "top", wrapText: wraps };
    if (format !== undefined) column.numFmt = format;
  });
  [header, ...cells].forEach((row, r) => {
    const lines = Math.max(...row.map((cell, c) => (typeof cell === "string" ? linesOf(cell, sheet.getColumn(c + 1).width!) : 1)));
    if (lines > 1) sheet.getRow(r + 1).height = Math.min(lines, MOST_LINES) * LINE_POINTS;
  });
  const first = sheet.getRow(1);
  first.font = { name: "Calibri", size: 11, bold: true };
  first.alignment = { vertical: "top", wrapText: true };
  sheet.autoFilter = { from: { row: 1, column: 1 }, to: { row: rows.length + 1, column: columns.length } };
  if (image) addImage(workbook, sheet, { column: columns.length + 1, row: 1, ...image });
}

/** A4 across, all columns on one page's width. */
const ON_PAPER = { paperSize: 9, orientation: "landscape", fitToPage: true, fitToWidth: 1, fitToHeight: 0 } as const;

/** LibreOffice fits no heights, so they are set: a row is as high as its longest text, up to this; the rest is there when the cell is opened. */
const MOST_LINES = 6;
const LINE_POINTS = 15;

/** Lines that a text takes when words go on below one another. */
function linesOf(text: string, width: number): number {
  if (text.length <= width && !text.includes("\n")) return 1;
  let lines = 0;
  for (const line of text.slice(0, 2000).split("\n")) {
    let left = -1;
    if (lines > MOST_LINES) break;
    for (const word of line.split(" ")) {
      if (word.length > left) {
        lines += Math.max(1, Math.ceil(word.length / width));
        left = width - (word.length % width);
      } else left -= word.length;
      left -= 1;
    }
  }
  return lines;
}

function addImage(
  workbook: Workbook,
  sheet: Worksheet,
  { png, column, row, width, height }: SheetImage & { column: number; row: number },
): void {
  const view = new DataView(png.buffer, png.byteOffset, png.byteLength);
  if (png.length < 24 || view.getUint32(0) !== 0x89504e47 || view.getUint32(12) !== 0x49484452) {
    throw new RangeError(expected(`sheet ${sheet.name}: image`, "a PNG file", `${png.length} bytes of something else`));
  }
  const id = workbook.addImage({ buffer: Buffer.from(png) as never, extension: "png" });
  const size = { width: width ?? view.getUint32(16), height: height ?? view.getUint32(20) };
  sheet.addImage(id, { tl: { col: column, row }, ext: size, editAs: "oneCell" });
}

function writtenCell(cell: unknown, thing: string): Cell {
  if (cell === null || typeof cell === "boolean") return cell;
  if (typeof cell === "number") return Number.isFinite(cell) ? cell : String(cell);
  if (typeof cell === "string") return excelText(cell);
  throw new TypeError(expected(thing, "a text, number, boolean or null", cell));
}

function neededWidth(cells: Cell[]): number {
  const lengths = cells.map((cell) => {
    if (typeof cell === "number") return Math.min(12, String(cell).length);
    return cell === null
      ? 0
      : Math.max(
          ...String(cell)
            .slice(0, 500)
            .split("\n")
            .map((line) => line.length),
        );
  });
  return Math.max(...lengths);
}

function plainCell(value: CellValue): Cell {
  if (value === null || value === undefined) return null;
  if (typeof value !== "object") return value;
  if (value instanceof Date) return value.toISOString();
  if ("richText" in value) return value.richText.map(({ text }) => text).join("");
  if ("text" in value) return plainCell(value.text as CellValue); // a hyperlink
  if ("result" in value) return plainCell(value.result as CellValue); // a formula
  return null;
}

/** Adds up what the zip directory says; the library that unpacks it later holds the entries to that. */
function checkUnpackedSize(bytes: Uint8Array, path: string): void {
  let total = 0;
  unzipSync(bytes, {
    filter({ originalSize }) {
      total += originalSize;
      return false;
    },
  });
  if (total > MAX_READ_BYTES) throw new FormatError(expected(path, `at most ${MAX_READ_BYTES} bytes unpacked`, total));
}
