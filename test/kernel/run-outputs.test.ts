import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { CommMessage } from "../../src/kernel/messages.js";
import { type CodeCell, formatNotebook, type Notebook, parseNotebook } from "../../src/kernel/notebook/file.js";
import { NotebookOutputs } from "../../src/kernel/notebook/outputs.js";
import { NotebookProgress } from "../../src/kernel/notebook/progress.js";
import { NotebookWidgets } from "../../src/kernel/notebook/widgets.js";
import type { Message } from "../../src/kernel/wire.js";

type Stored = { cell: number; type: string; content: { [name: string]: unknown }; buffers: string[] };
const reference = JSON.parse(readFileSync(new URL("../reference/notebook_outputs.json", import.meta.url), "utf8")) as {
  messages: Stored[];
  notebook: string;
};

function message(cell: number, type: string, content: Stored["content"], buffers: string[] = []): Message {
  const header = { msg_id: "m", session: "s", username: "u", date: "2026-01-01T00:00:00Z", msg_type: type, version: "5.4" };
  const parent = { msg_id: `request-${cell}` };
  return { identities: [], header, parent, metadata: {}, content, buffers: buffers.map((text) => Buffer.from(text)) };
}

const stream = (cell: number, text: string, name = "stdout"): Message => message(cell, "stream", { name, text });

function newRun(count: number): {
  notebook: Notebook;
  outputs: NotebookOutputs;
  widgets: NotebookWidgets;
  sent: CommMessage[];
  cells: CodeCell[];
} {
  const cells = Array.from({ length: count }, (_, i): CodeCell => {
    return { cell_type: "code", id: `cell-${i}`, source: [], metadata: {}, execution_count: null, outputs: [] };
  });
  const sent: CommMessage[] = [];
  const widgets = new NotebookWidgets((comm) => sent.push(comm));
  const outputs = new NotebookOutputs(widgets);
  for (const [i, cell] of cells.entries()) outputs.begin(`request-${i}`, cell);
  return { notebook: { nbformat: 4, nbformat_minor: 5, metadata: {}, cells }, outputs, widgets, sent, cells };
}

describe("a notebook's outputs", () => {
  it("are nbclient's for the same messages, to the letter of the file", () => {
    const { notebook, outputs, widgets, sent } = newRun(6);
    for (const { cell, type, content, buffers } of reference.messages) outputs.hear(message(cell, type, structuredClone(content), buffers));
    notebook.metadata.widgets = widgets.metadata()!;
    for (const cell of notebook.cells) delete cell.metadata.execution;
    expect(formatNotebook(notebook)).toBe(`${reference.notebook}\n`);
    expect(reference.messages).toHaveLength(42);
    // The kernel is told what its output area shows.
    expect(sent.at(-1)).toMatchObject({ commId: "area", data: { method: "update", state: { outputs: [{ text: "inside again\n" }] } } });
  });

  it("go to the cell that caused them, also when it has long ended", () => {
    const { outputs, cells } = newRun(2);
    outputs.hear(stream(1, "second\n"));
    outputs.hear(stream(0, "from a timer\n"));
    outputs.hear(message(99, "stream", { name: "stdout", text: "of nobody" }));
    expect(cells.map((cell) => cell.outputs)).toMatchObject([[{ text: "from a timer\n" }], [{ text: "second\n" }]]);
  });

  it("are complete although a kernel leaves fields out", () => {
    const { outputs, cells } = newRun(1);
    outputs.hear(message(0, "display_data", { data: { "text/plain": "x" } }));
    outputs.hear(message(0, "error", { ename: "E" }));
    expect(cells[0]!.outputs).toEqual([
      { output_type: "display_data", data: { "text/plain": "x" }, metadata: {} },
      { output_type: "error", ename: "E", evalue: "", traceback: [] },
    ]);
  });

  it("keep of lines that were written over what a terminal still shows", () => {
    const shown = (text: string): unknown => {
      const { notebook, outputs } = newRun(1);
      outputs.hear(stream(0, text));
      return JSON.parse(formatNotebook(notebook)).cells[0].outputs[0].text.join("");
    };
    expect(shown("10 %\r20 %\r30 %\nnext\r\nlast\r")).toBe("30 %\nnext\r\nlast\r");
    expect(shown("\r\r\n\r")).toBe("\r\n\r");
  });

  it("note when they came", () => {
    const { outputs, cells } = newRun(1);
    outputs.hear(message(0, "status", { execution_state: "busy" }));
    outputs.hear(message(0, "execute_input", { execution_count: 7 }));
    expect(cells[0]!.execution_count).toBe(7);
    const date = "2026-01-01T00:00:00Z";
    expect(cells[0]!.metadata.execution).toEqual({ "iopub.status.busy": date, "iopub.execute_input": date });
  });

  it("of 50 MB without a line break are written", () => {
    const { notebook, outputs } = newRun(1);
    for (let i = 0; i < 50; i++) outputs.hear(stream(0, "x".repeat(1e6)));
    expect(formatNotebook(notebook).length).toBeGreaterThan(5e7);
  });
});

describe("a notebook's file", () => {
  it("keeps sources, ids and unknown parts as they were", () => {
    const file = {
      cells: [
        { cell_type: "markdown", id: "a", metadata: { x: 1 }, source: "one string\nof lines" },
        { cell_type: "code", execution_count: 3, id: "b", metadata: {}, outputs: [], source: ["a list\n", "of lines"] },
        { attachments: { f: { "image/png": "aGk=" } }, cell_type: "raw", id: "c", metadata: {}, source: [] },
      ],
      metadata: { own: { deep: [1, null] } },
      nbformat: 4,
      nbformat_minor: 5,
    };
    const text = `${JSON.stringify(file, null, 1)}\n`;
    expect(formatNotebook(parseNotebook(text, "x.ipynb"))).toBe(text);
  });

  it("is refused where it is no notebook of nbformat 4", () => {
    expect(() => parseNotebook("{", "x.ipynb")).toThrow("x.ipynb: expected a notebook, which is JSON");
    expect(() => parseNotebook("null", "x.ipynb")).toThrow("x.ipynb: expected nbformat 4");
    expect(() => parseNotebook('{"nbformat":3,"nbformat_minor":0}', "x.ipynb")).toThrow("expected nbformat 4, got nbformat 3.0");
    expect(() => parseNotebook('{"nbformat":4,"cells":[{"cell_type":"code"}]}', "x.ipynb")).toThrow("expected cell 0 to be code");
  });
});

describe("a run's progress", () => {
  it("is a line for each cell's start, and its text as it comes", () => {
    const lines: string[] = [];
    let now = 100;
    const progress = new NotebookProgress(
      (line) => lines.push(line),
      () => now,
    );
    const [cell] = newRun(1).cells;
    now += 12.3;
    progress.start(3, { ...cell!, source: ["\n", "// Train\n", "await train();"] });
    progress.hear(stream(0, "loss 1.9\nlos"));
    progress.hear(stream(0, "s 1.8\n10 %\r20 %\rdone"));
    progress.end();
    expect(lines).toEqual(["  [   12 s] cell 3: // Train", "           loss 1.9", "           loss 1.8", "           done"]);
  });

  it("shows a progress bar's line at most every five seconds", () => {
    const lines: string[] = [];
    let now = 0;
    const progress = new NotebookProgress(
      (line) => lines.push(line.trim()),
      () => now,
    );
    for (; now < 13; now++) progress.hear(message(0, "update_display_data", { data: { "text/plain": `${now} of 13` } }));
    progress.hear(message(0, "update_display_data", { data: { "text/plain": "a table\nof lines" } }));
    expect(lines).toEqual(["0 of 13", "6 of 13", "12 of 13"]);
  });
});
