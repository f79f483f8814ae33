import type { MimeData } from "../messages.js";
import type { Message } from "../wire.js";
import { append, type CodeCell, type DataOutput, type Output } from "./file.js";
import type { NotebookWidgets } from "./widgets.js";

/** Puts a kernel's iopub messages into the outputs of the cells that caused them, as a notebook's frontend does. */
export class NotebookOutputs {
  readonly #cells = new Map<string, CodeCell>();
  /** Outputs that can be updated, by display id. */
  readonly #displays = new Map<string, Set<DataOutput>>();
  /** Cells whose outputs go when the next one comes. */
  readonly #clearing = new Set<CodeCell>();
  readonly #widgets: NotebookWidgets;

  constructor(widgets: NotebookWidgets) {
    this.#widgets = widgets;
  }

  /** What the request `id` causes belongs to `cell` from now on; its old outputs go. */
  begin(id: string, cell: CodeCell): void {
    this.#cells.set(id, cell);
    this.#clear(cell);
    cell.execution_count = null;
    cell.metadata.execution = {};
  }

  hear(message: Message): void {
    const { msg_type: type } = message.header;
    const parent = message.parent?.msg_id ?? "";
    if (type.startsWith("comm_")) this.#widgets.hear(message);
    const cell = this.#cells.get(parent);
    const { content } = message;
    const displayId = (content.transient as { display_id?: string } | null | undefined)?.display_id;
    if (displayId && ["display_data", "execute_result", "update_display_data"].includes(type)) this.#update(displayId, message);
    if (!cell) return;
    if (typeof content.execution_count === "number") cell.execution_count = content.execution_count;
    if (type === "status") this.time(cell, `iopub.status.${content.execution_state}`, message);
    else if (type === "execute_input") this.time(cell, "iopub.execute_input", message);
    else if (type === "clear_output") {
      if (this.#widgets.clear(message)) return;
      if (content.wait) this.#clearing.add(cell);
      else this.#clear(cell);
    } else {
      const output = outputOf(message);
      if (output && !this.#widgets.output(message, output)) this.#add(cell, output, displayId);
    }
  }

  /** Notes when a message of a cell was sent, as Jupyter's frontends do. */
  time(cell: CodeCell, name: string, { header }: Message): void {
    const execution = cell.metadata.execution as { [name: string]: string } | undefined;
    if (execution) execution[name] = header.date || new Date().toISOString();
  }

  #add(cell: CodeCell, output: Output, displayId: string | undefined): void {
    if (this.#clearing.has(cell)) this.#clear(cell);
    if (displayId && "data" in output) {
      const displays = this.#displays.get(displayId) ?? new Set();
      this.#displays.set(displayId, displays.add(output));
    }
    append(cell.outputs, output);
  }

  /** A display id stands for all its outputs, in earlier cells too: they show the newest data. */
  #update(displayId: string, { content }: Message): void {
    for (const output of this.#displays.get(displayId) ?? []) {
      output.data = (content.data ?? {}) as MimeData;
      output.metadata = (content.metadata ?? {}) as MimeData;
    }
  }

  #clear(cell: CodeCell): void {
    this.#clearing.delete(cell);
    const gone = new Set<Output>(cell.outputs);
    for (const displays of this.#displays.values()) for (const output of displays) if (gone.has(output)) displays.delete(output);
    cell.outputs = [];
  }
}

/** A message as an output; undefined where it is none. Kernels leave fields out that a notebook must have. */
function outputOf({ header, content }: Message): Output | undefined {
  const metadata = (content.metadata ?? {}) as MimeData;
  const data = (content.data ?? {}) as MimeData;
  switch (header.msg_type) {
    case "stream":
      return { output_type: "stream", name: String(content.name), text: String(content.text) };
    case "display_data":
      return { output_type: "display_data", data, metadata };
    case "execute_result":
      return { output_type: "execute_result", data, metadata, execution_count: (content.execution_count as number | undefined) ?? null };
    case "error": {
      const { ename = "Error", evalue = "", traceback = [] } = content as { ename?: string; evalue?: string; traceback?: string[] };
      return { output_type: "error", ename, evalue, traceback };
    }
    default:
      return undefined;
  }
}
