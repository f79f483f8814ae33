import { setTimeout as sleep } from "node:timers/promises";
import type { KernelCommand } from "./client/process.js";
import { type KernelClient, KernelDied, startKernel } from "./client.js";
import { type CodeCell, joined, type Notebook, tagsOf, writeNotebook } from "./notebook/file.js";
import { NotebookOutputs } from "./notebook/outputs.js";
import { NotebookProgress } from "./notebook/progress.js";
import { NotebookWidgets } from "./notebook/widgets.js";
import type { Message } from "./wire.js";

export type RunOptions = {
  command: KernelCommand;
  /** What the notebook's metadata says it was run with. */
  kernelspec: { name: string; display_name: string; language: string };
  /** The kernel's working folder. */
  folder: string;
  /** Where the executed notebook is written. */
  target: string;
  env?: { [name: string]: string | undefined };
  /** An error does not stop the run. */
  allowErrors?: boolean;
  /** How long one cell may take; for ever unless told. */
  timeoutSeconds?: number | undefined;
  /** How often the notebook is saved while it runs. */
  saveSeconds?: number;
  /** Hears the run's progress, a line each time. */
  say?: (line: string) => void;
  /** Hears what the kernel's process prints outside of the cells. */
  onText?: (text: string) => void;
  /** Interrupts the run: what there is is saved, the kernel ends, and the run throws the signal's reason. */
  signal?: AbortSignal;
};

export type RunSummary = { cells: number; failed: number; seconds: number };

/** A cell of a notebook failed, or took too long; the notebook is saved as far as it came. */
export class CellFailed extends Error {
  override name = "CellFailed";
}

/** A kernel answers an interrupted cell within this time, or it is ended. */
const STOP_SECONDS = 5;

/**
 * Runs a notebook's code cells in order, in a kernel of its own, and puts their outputs into it, in place. It is saved while it runs and at its
 * end, however that comes. Cells tagged `skip-execution` are left alone, cells tagged `raises-exception` may fail.
 * @throws CellFailed, KernelDied
 */
export async function runNotebook(notebook: Notebook, options: RunOptions): Promise<RunSummary> {
  const { target, saveSeconds = 30, say = () => {}, signal } = options;
  signal?.throwIfAborted();
  const cells = [...notebook.cells.entries()].filter((entry): entry is [number, CodeCell] => isRun(entry[1]));
  for (const [, cell] of cells) Object.assign(cell, { outputs: [], execution_count: null });
  notebook.metadata.kernelspec = options.kernelspec;
  let saving: Promise<void> = Promise.resolve();
  const save = (): Promise<void> => {
    saving = saving.catch(() => {}).then(() => writeNotebook(target, notebook));
    return saving;
  };
  await save(); // a folder that cannot be written is known before hours of work
  const timer = setInterval(() => save().catch((error: Error) => say(`could not save: ${error.message}`)), saveSeconds * 1000);
  const run = new Run(notebook, options, new NotebookProgress(say));
  try {
    return await run.all(cells);
  } finally {
    clearInterval(timer);
    run.finish();
    await save();
    await run.close();
  }
}

const isRun = (cell: Notebook["cells"][number]): boolean =>
  cell.cell_type === "code" && joined(cell.source).trim() !== "" && !tagsOf(cell).includes("skip-execution");

class Run {
  readonly #notebook: Notebook;
  readonly #options: RunOptions;
  readonly #progress: NotebookProgress;
  readonly #widgets: NotebookWidgets;
  readonly #outputs: NotebookOutputs;
  #kernel: KernelClient | undefined;

  constructor(notebook: Notebook, options: RunOptions, progress: NotebookProgress) {
    this.#notebook = notebook;
    this.#options = options;
    this.#progress = progress;
    this.#widgets = new NotebookWidgets((message) => void this.#kernel?.sendComm(message).catch(() => {}));
    this.#outputs = new NotebookOutputs(this.#widgets);
  }

  async all(cells: [number, CodeCell][]): Promise<RunSummary> {
    const { command, folder, env = {}, allowErrors = false, onText, signal } = this.#options;
    const kernel = await startKernel(command, { folder, env, onText, signal }).catch((error: Error) => {
      signal?.throwIfAborted();
      throw error;
    });
    this.#kernel = kernel;
    this.#notebook.metadata.language_info = kernel.info.language_info;
    kernel.onMessage((message) => {
      this.#outputs.hear(message);
      this.#progress.hear(message);
    });
    let failed = 0;
    for (const [index, cell] of cells) {
      signal?.throwIfAborted();
      const mayFail = allowErrors || tagsOf(cell).includes("raises-exception");
      this.#progress.start(index, cell);
      const reply = await this.#cell(kernel, index, cell, mayFail);
      this.#progress.end();
      signal?.throwIfAborted();
      if (reply.content.status === "ok") continue;
      failed++;
      if (!mayFail) throw new CellFailed(failure(index, cell, reply));
    }
    return { cells: cells.length, failed, seconds: this.#progress.seconds };
  }

  /** Puts what the kernel said of its widgets into the notebook. */
  finish(): void {
    const { widgets: _, ...metadata } = this.#notebook.metadata;
    const widgets = this.#widgets.metadata();
    this.#notebook.metadata = widgets ? { ...metadata, widgets } : metadata;
  }

  async close(): Promise<void> {
    await this.#kernel?.shutdown({ graceSeconds: this.#options.signal?.aborted ? 0.5 : 3 });
  }

  /** Runs one cell to its end; its reply may be an error. */
  async #cell(kernel: KernelClient, index: number, cell: CodeCell, mayFail: boolean): Promise<Message> {
    for (let attempts = 1; ; attempts++) {
      const execution = kernel.execute(joined(cell.source), { stopOnError: !mayFail, silenceSeconds: 30 });
      this.#outputs.begin(execution.id, cell);
      const late = await this.#watch(kernel, drained(execution));
      const reply = await execution.reply;
      this.#outputs.time(cell, "shell.execute_reply", reply);
      if (!execution.idle) this.#options.say?.(`cell ${index}: the kernel never said that it was idle; some of its output may be missing`);
      if (typeof reply.content.execution_count === "number") cell.execution_count = reply.content.execution_count;
      if (late) throw new CellFailed(`cell ${index}: expected it to end within ${late} s, it was interrupted. Raise --timeout.`);
      // A kernel that is still refusing what waited behind an earlier error has not run the cell.
      const refused = ["abort", "aborted"].includes(String(reply.content.status));
      if (!refused || attempts === 3) return reply;
      await sleep(300);
    }
  }

  /** Waits for a cell, interrupting it when its time is over (then returns that time) or when the run is. */
  async #watch(kernel: KernelClient, ended: Promise<void>): Promise<number | undefined> {
    const { timeoutSeconds, signal } = this.#options;
    const over = new AbortController();
    let late: number | undefined;
    const stop = (): void => {
      kernel.interrupt().catch(() => {});
      sleep(STOP_SECONDS * 1000, undefined, { signal: over.signal }).then(
        () => kernel.shutdown({ graceSeconds: 0 }),
        () => {},
      );
    };
    const timer =
      timeoutSeconds === undefined
        ? undefined
        : setTimeout(() => {
            late = timeoutSeconds;
            stop();
          }, timeoutSeconds * 1000);
    signal?.addEventListener("abort", stop, { once: true, signal: over.signal });
    try {
      await ended;
    } catch (error) {
      signal?.throwIfAborted();
      if (late && !(error instanceof KernelDied))
        throw new CellFailed(`a cell did not stop ${STOP_SECONDS} s after its interrupt; the kernel was ended`);
      throw error;
    } finally {
      clearTimeout(timer);
      over.abort();
    }
    return late;
  }
}

async function drained(messages: AsyncIterable<Message>): Promise<void> {
  for await (const _ of messages); // listeners have put them where they belong
}

function failure(index: number, cell: CodeCell, reply: Message): string {
  const { ename, evalue, traceback } = reply.content as { ename?: string; evalue?: string; traceback?: string[] };
  const printed = cell.outputs.findLast((output) => output.output_type === "stream" && output.name === "stderr") as
    | { text: string }
    | undefined;
  const said = traceback?.length
    ? traceback.join("\n")
    : ename
      ? `${ename}: ${evalue}`
      : (printed?.text ?? `status ${reply.content.status}`);
  return `cell ${index} failed.\n${said.trimEnd().slice(-3000)}`;
}
