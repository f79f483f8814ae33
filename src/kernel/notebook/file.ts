import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { MimeData } from "../messages.js";
import { writeWhole } from "../write-file.js";

/** Text in a notebook's file: one string, or its lines with their ends. */
export type Lines = string | string[];

export type StreamOutput = { output_type: "stream"; name: string; text: Lines };
export type DataOutput = {
  output_type: "display_data" | "execute_result";
  data: MimeData;
  metadata: MimeData;
  execution_count?: number | null;
};
export type ErrorOutput = { output_type: "error"; ename: string; evalue: string; traceback: string[] };
export type Output = StreamOutput | DataOutput | ErrorOutput;

export type CodeCell = {
  cell_type: "code";
  id?: string;
  source: Lines;
  metadata: { [name: string]: unknown; tags?: string[] };
  execution_count: number | null;
  outputs: Output[];
};
export type OtherCell = { cell_type: "markdown" | "raw"; id?: string; source: Lines; metadata: { [name: string]: unknown } };
export type Cell = CodeCell | OtherCell;

export type Notebook = {
  nbformat: 4;
  nbformat_minor: number;
  metadata: { [name: string]: unknown; kernelspec?: { name?: string; display_name?: string; language?: string } };
  cells: Cell[];
};

/** Reads a notebook of nbformat 4.x. @throws RangeError for anything else. */
export async function readNotebook(path: string): Promise<Notebook> {
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    throw error.code === "ENOENT" ? new RangeError(`notebook: expected a file, there is none at ${path}`) : error;
  });
  return parseNotebook(text, path);
}

export function parseNotebook(text: string, path: string): Notebook {
  let found: Partial<Notebook>;
  try {
    found = JSON.parse(text.replace(/^\uFEFF/, "")) as Partial<Notebook>;
  } catch (error) {
    throw new RangeError(`${path}: expected a notebook, which is JSON: ${(error as Error).message}`);
  }
  const version = `nbformat ${found?.nbformat}.${found?.nbformat_minor}`;
  if (found?.nbformat !== 4) throw new RangeError(`${path}: expected nbformat 4, got ${version}. Save it anew with a current Jupyter.`);
  if (!Array.isArray(found.cells)) throw new RangeError(`${path}: expected a list of cells, got ${typeof found.cells}`);
  const notebook = { ...found, nbformat_minor: found.nbformat_minor ?? 0, metadata: found.metadata ?? {} } as Notebook;
  for (const [i, cell] of notebook.cells.entries()) {
    const known = ["code", "markdown", "raw"].includes(cell?.cell_type);
    const sourced =
      typeof cell?.source === "string" || (Array.isArray(cell?.source) && cell.source.every((line) => typeof line === "string"));
    if (!known || !sourced)
      throw new RangeError(`${path}: expected cell ${i} to be code, markdown or raw with a source, got ${cell?.cell_type}`);
    cell.metadata ??= {};
    if (notebook.nbformat_minor >= 5) cell.id ??= newCellId();
    if (cell.cell_type !== "code") continue;
    cell.outputs ??= [];
    cell.execution_count ??= null;
  }
  return notebook;
}

/** Writes it as nbformat does: keys in order, texts as lists of lines. Sources stay as they were. */
export async function writeNotebook(path: string, notebook: Notebook): Promise<void> {
  await writeWhole(path, formatNotebook(notebook));
}

export function formatNotebook(notebook: Notebook): string {
  const cells = notebook.cells.map((cell) => (cell.cell_type === "code" ? { ...cell, outputs: cell.outputs.map(stored) } : cell));
  return `${JSON.stringify(sorted({ ...notebook, cells }), null, 1)}\n`;
}

export const joined = (text: Lines): string => (typeof text === "string" ? text : text.join(""));

export const tagsOf = (cell: Cell): string[] => (Array.isArray(cell.metadata.tags) ? cell.metadata.tags : []);

export const newCellId = (): string => randomUUID().slice(0, 8);

/** Adds an output; a stream goes on where the last output is the same stream. */
export function append(outputs: Output[], output: Output): void {
  const last = outputs.at(-1);
  if (output.output_type === "stream" && last?.output_type === "stream" && last.name === output.name) {
    last.text = joined(last.text) + joined(output.text);
  } else outputs.push(output);
}

/** Parts that a file keeps as lists of lines, so that versions can be compared. */
function stored(output: Output): Output {
  if (output.output_type === "stream") return { ...output, text: lines(overwritten(joined(output.text))) };
  if (output.output_type === "error") return output;
  const isText = (mime: string): boolean => mime.startsWith("text/") || mime === "application/javascript" || mime === "image/svg+xml";
  const entries = Object.entries(output.data).map(([mime, value]) => [
    mime,
    isText(mime) && typeof value === "string" ? lines(value) : value,
  ]);
  return { ...output, data: Object.fromEntries(entries) as MimeData };
}

/** The lines of a text with their ends; ends are what Python's `splitlines` takes for ends. */
function lines(text: string): string[] {
  const found: string[] = [];
  let start = 0;
  for (const { 0: end, index } of text.matchAll(LINE_END)) {
    found.push(text.slice(start, index + end.length));
    start = index + end.length;
  }
  if (start < text.length) found.push(text.slice(start));
  return found;
}

const LINE_END = new RegExp(["\r\n", ..."\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"].join("|"), "g");

/** What a terminal would still show of lines that a carriage return started anew. */
function overwritten(text: string): string {
  if (!text.includes("\r")) return text;
  const all = text.split("\n");
  return all
    .map((line) => {
      const start = line.length < 2 ? -1 : line.lastIndexOf("\r", line.length - 2);
      return line.slice(start + 1);
    })
    .join("\n");
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== "object") return value;
  const entries = Object.entries(value).map(([key, child]) => [key, sorted(child)] as const);
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}
