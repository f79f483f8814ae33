/** What Excel takes in one cell, in UTF-16 code units. */
export const MAX_CELL_CHARACTERS = 32_767;

/** A text as XML and Excel can hold it: no control or broken characters, at most 32,767 code units, the last one then being "…". */
export function excelText(text: string): string {
  const clean = text
    .replace(/\r\n?/g, "\n")
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is to be dropped
    .replace(/[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff]/g, "")
    .replace(/\p{Surrogate}/gu, "\ufffd");
  return clean.length > MAX_CELL_CHARACTERS ? `${clean.slice(0, MAX_CELL_CHARACTERS - 1).replace(/[\ud800-\udbff]$/, "")}…` : clean;
}

/**
 * Holds the texts of a workbook while exceljs writes it. The zip library below exceljs encodes XML in pieces of 16,384 code units, and
 * where an emoji lies across two of them, the file has two U+FFFD instead. So exceljs is given a stand-in of plain ASCII for each text, and
 * the texts are put into the finished file.
 */
export class WorkbookTexts {
  readonly #standIns = new Map<string, string>();

  /** The cell value that stands for a text. */
  standIn(text: string): string {
    const found = this.#standIns.get(text) ?? `text${this.#standIns.size}`;
    this.#standIns.set(text, found);
    return found;
  }

  /** The workbook's `sharedStrings.xml`, with the texts in place of what stands for them. */
  fill(sharedStrings: string): string {
    const texts = [...this.#standIns.keys()];
    return sharedStrings.replace(/<t>text(\d+)<\/t>/g, (_, i) => `<t xml:space="preserve">${escaped(texts[Number(i)]!)}</t>`);
  }
}

/** "_x0041_" is Excel's own way to write "A", so where a text itself has it, its first "_" is written that way. */
function escaped(text: string): string {
  const xml = text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
  return xml.replace(/_(?=x[0-9A-Fa-f]{4}_)/g, "_x005F_");
}
