import { FormatError } from "../core/errors.js";
import { require } from "../core/tf.js";

/** The cells of a csv text, the header first. `either`: quoted as RFC 4180 has it and, where that fails or rows differ in length, plain. */
export function csvRecords(text: string, path: string, options: { quoting?: "quoted" | "plain" | "either" }): string[][] {
  const quoting = options.quoting ?? "quoted";
  if (quoting === "plain") return plainRecords(text);
  const { parse } = require("csv-parse/sync") as typeof import("csv-parse/sync");
  try {
    const records = parse(text, { bom: true, relaxColumnCount: true, skipEmptyLines: true }) as string[][];
    if (quoting === "either" && records.some((cells) => cells.length !== records[0]!.length)) return plainRecords(text);
    return records;
  } catch (error) {
    if (quoting === "either") return plainRecords(text);
    throw new FormatError(`${path}: expected CSV with quotes as in RFC 4180, got an error: ${(error as Error).message}`);
  }
}

/** The cells of a tab-separated text without quotes, in which a double quote is a character like any other. */
export function tabRecords(text: string): string[][] {
  return unquotedLines(text).map((line) => line.split("\t"));
}

/** Every comma separates; cells beyond the header's are dropped, as in the published EmpatheticDialogues, whose last column has no name. */
function plainRecords(text: string): string[][] {
  const records = unquotedLines(text).map((line) => line.split(","));
  const width = records[0]?.length ?? 0;
  return records.map((cells) => (cells.length > width ? cells.slice(0, width) : cells));
}

function unquotedLines(text: string): string[] {
  return (text.startsWith("\ufeff") ? text.slice(1) : text).split(/\r?\n/).filter((line) => line !== "");
}
