/**
 * What the kernel's three threads say to each other. The main thread runs the user's code (the session), a worker speaks Jupyter's
 * protocol, another knows TypeScript. Everything here survives a structured clone.
 */

/** Representations of one value by MIME type. */
export type MimeData = { [mime: string]: unknown };

/** An error as Jupyter shows it; `traceback` has one line an entry, with ANSI colours. */
export type CellError = { ename: string; evalue: string; traceback: string[] };

/** One side of a comm: `data` is JSON, `buffers` are its binary parts. */
export type CommMessage = {
  type: "open" | "message" | "close";
  commId: string;
  /** With `open` only. */
  target?: string;
  data: unknown;
  metadata: { [key: string]: unknown };
  buffers: Uint8Array[];
};

/** To the session. `cell` numbers requests over the kernel's life; output names the request that caused it. */
export type ToSession =
  | {
      kind: "execute";
      cell: number;
      /** JavaScript for V8's REPL mode, made by the language thread. */
      code: string;
      /** Source map from `code` to the cell, JSON; empty where there is none. */
      map: string;
      /** In[n]; 0 for a silent request. */
      count: number;
      silent: boolean;
      allowStdin: boolean;
      /** Expressions to evaluate after the cell, as JavaScript, by name. */
      userExpressions: { [name: string]: string };
    }
  /** Abort what runs: answered by `acknowledged` as soon as the main thread is free. */
  | { kind: "interrupt"; id: number }
  | { kind: "ping"; id: number }
  | { kind: "comm"; cell: number; message: CommMessage };

export type CellStatus = { status: "ok" } | ({ status: "error" } & CellError);

/** From the session, in the order in which it happened. */
export type FromSession =
  | { kind: "ready" }
  | { kind: "started"; cell: number }
  | { kind: "stream"; cell: number; name: "stdout" | "stderr"; text: string }
  | { kind: "display"; cell: number; data: MimeData; metadata: MimeData; displayId?: string; update: boolean }
  | { kind: "clear"; cell: number; wait: boolean }
  | { kind: "result"; cell: number; data: MimeData; metadata: MimeData }
  /** An error outside the cell's own end: an unhandled rejection, a callback that threw. */
  | { kind: "error"; cell: number; error: CellError }
  | { kind: "done"; cell: number; outcome: CellStatus; userExpressions: { [name: string]: unknown } }
  | { kind: "acknowledged"; id: number }
  | { kind: "comm"; cell: number; message: CommMessage }
  /** A comm message was handled; its output is all sent. */
  | { kind: "handled"; cell: number }
  /** The answer goes through `InputCell`, because the main thread is blocked while it waits. */
  | { kind: "input"; cell: number; prompt: string; password: boolean };

/**
 * Shared memory for `prompt()`, which blocks the main thread: `state` (Int32, at byte 0) is 0 waiting, 1 answered, 2 interrupted, 3 not allowed;
 * the Int32 at byte 4 is the answer's length in bytes; UTF-8 from byte 8. The protocol side writes, sets the state and notifies.
 */
export const INPUT_BYTES = 1 << 20;

/**
 * Shared memory for interrupts of work that looks for them itself: the Int32 at byte 0 is 1 while the user wishes to interrupt, written by the
 * protocol's side; the one at byte 4 counts how deep the main thread is in such work.
 */
export const WISH_BYTES = 8;

/** A diagnostic in a cell's own lines and columns, both from 1. */
export type CellDiagnostic = {
  category: "error" | "warning" | "suggestion";
  code: number;
  message: string;
  line: number;
  column: number;
  endLine: number;
  endColumn: number;
};

export type Transformed = { kind: "code"; code: string; map: string } | { kind: "syntax"; diagnostics: CellDiagnostic[] };

/** Offsets count UTF-16 units. */
export type Completion = {
  matches: { text: string; type: string }[];
  start: number;
  end: number;
};

export type Inspection = { found: false } | { found: true; data: MimeData };

export type Completeness = { status: "complete" | "incomplete" | "invalid" | "unknown"; indent: string };

/** What the language threads can be asked: those about syntax are answered in order, and so are those about types. */
export type LanguageRequests = {
  /** Fast: syntax only. Never touches types. */
  transform(request: { cell: number; code: string }): Transformed;
  /** Checks the types of a cell, which `settle` must follow. It may be asked before it is known that the cell runs. */
  check(request: { cell: number; code: string }): CellDiagnostic[];
  /** Makes the declarations of a checked cell known to later ones, or forgets a cell that does not run. */
  settle(request: { cell: number; runs: boolean }): void;
  /** An expression for `user_expressions`. */
  expression(request: { code: string }): Transformed;
  complete(request: { code: string; offset: number }): Completion;
  inspect(request: { code: string; offset: number; detail: number }): Inspection;
  isComplete(request: { code: string }): Completeness;
};

export type LanguageRequest = { id: number; method: keyof LanguageRequests; params: unknown };
export type LanguageReply = { id: number; result?: unknown; error?: string };

/** A value that every cell sees without an import: `name` is `specifier`'s namespace, or its export `member`. Loaded on first use. */
export type Preload = { name: string; specifier: string; member?: string };

export type KernelOptions = {
  /** Absolute; imports are resolved from here. */
  folder: string;
  preload: Preload[];
  /** Type errors stop a cell. */
  strict: boolean;
};
