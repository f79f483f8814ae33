import { setTimeout as sleep } from "node:timers/promises";
import type { CellDiagnostic, CellError, CellStatus } from "../messages.js";
import type { Message } from "../wire.js";
import type { Cell, Cells, Done } from "./cell.js";
import { diagnosticsError, diagnosticsText } from "./diagnostics-text.js";
import { type ExecuteSettings, executeSettings, isStrict } from "./execute-request.js";
import type { History } from "./history.js";
import type { Interrupter } from "./interrupter.js";
import type { LanguageLink } from "./language-link.js";
import { log } from "./log.js";
import type { Publisher } from "./publisher.js";
import type { Post } from "./session-link.js";

/** A cell's end waits so long for its type errors; later ones are shown all the same. */
const CHECK_MS = 20_000;
/** The same for all the cells together that come before types have been read for the first time. */
const COLD_CHECK_MS = 500;
/** An interrupted cell may take so long to clean up before it is given up. */
const GIVE_UP_MS = 500;
/** After an error, requests that arrive within this time were sent before the client knew: they are aborted too. */
const STRAGGLERS_MS = 20;

type Parts = {
  cells: Cells;
  publisher: Publisher;
  language: Pick<LanguageLink, "ask">;
  interrupter: Interrupter;
  history: History;
  post: Post;
  reply: (request: Message, type: string, content: Message["content"], metadata?: Message["metadata"]) => void;
  strict: boolean;
};

type Running = {
  cell: Cell;
  interrupted: boolean;
  /** Resolves when an interrupt comes. */
  stop: Promise<void>;
  /** Resolves when an interrupted cell is given up. */
  givenUp: Promise<void>;
  interrupt: () => void;
  giveUp: () => void;
};

const INTERRUPTED: CellError = {
  ename: "KeyboardInterrupt",
  evalue: "Interrupted",
  traceback: ["\u001b[31m\u001b[1mKeyboardInterrupt\u001b[0m: Interrupted"],
};

/** Runs cells, one after the other, in the order of their requests. */
export class CellRunner {
  readonly #parts: Parts;
  readonly #queue: Message[] = [];
  #count = 0;
  #running: Running | undefined;
  #working = false;
  /** Whether a check has been answered. */
  #warm = false;
  /** When the first check was asked for. */
  #coldSince: number | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** The cell that runs. */
  get running(): Cell | undefined {
    return this.#running?.cell;
  }

  add(request: Message): void {
    this.#queue.push(request);
    if (!this.#working) void this.#work();
  }

  /** Stops the running cell, and whatever else holds the main thread. */
  async interrupt(): Promise<void> {
    const running = this.#running;
    if (running) {
      running.interrupted = true;
      running.interrupt();
    }
    await this.#parts.interrupter.interrupt();
    if (!running) return;
    await sleep(GIVE_UP_MS);
    running.giveUp();
  }

  async #work(): Promise<void> {
    this.#working = true;
    for (let request = this.#queue.shift(); request; request = this.#queue.shift()) {
      try {
        await this.#run(request);
      } catch (error) {
        log(`execute_request: ${(error as Error).message}`);
        this.#parts.reply(request, "execute_reply", { ...failed(error), execution_count: this.#count });
        this.#parts.publisher.status(request.header, "idle");
      }
    }
    this.#working = false;
  }

  async #run(request: Message): Promise<void> {
    const { publisher, cells, history, reply } = this.#parts;
    const started = new Date().toISOString();
    publisher.status(request.header, "busy");
    const settings = executeSettings(request);
    const { code, silent, storeHistory, allowStdin } = settings;
    if (storeHistory) this.#count++;
    const cell = cells.add(request, { silent, allowStdin, count: silent ? 0 : Math.max(1, this.#count) });
    const running = startRunning(cell);
    this.#running = running;
    if (!silent) publisher.input(cell.parent, code, cell.count);

    const { outcome, userExpressions } = await Promise.race([
      this.#evaluate(running, settings),
      running.givenUp.then((): Done => ({ outcome: { status: "error", ...INTERRUPTED }, userExpressions: {} })),
    ]);
    cell.done = undefined;

    if (storeHistory) history.add({ line: cell.count, input: code, output: cell.output });
    if (outcome.status === "error" && !silent) publisher.error(cell.parent, outcome);
    const aborted = outcome.status === "error" && settings.stopOnError ? await this.#takeQueue() : [];
    this.#running = undefined;
    const content = { ...outcome, execution_count: silent ? this.#count : cell.count, user_expressions: userExpressions, payload: [] };
    publisher.flush();
    reply(request, "execute_reply", content, { started });
    publisher.status(cell.parent, "idle");
    for (const waiting of aborted) this.#abort(waiting);
  }

  async #takeQueue(): Promise<Message[]> {
    await sleep(STRAGGLERS_MS);
    return this.#queue.splice(0);
  }

  #abort(request: Message): void {
    const { publisher, reply } = this.#parts;
    publisher.status(request.header, "busy");
    reply(request, "execute_reply", { status: "aborted", execution_count: this.#count });
    publisher.status(request.header, "idle");
  }

  async #evaluate(running: Running, settings: ExecuteSettings): Promise<Done> {
    const { language, interrupter, post } = this.#parts;
    const { cell } = running;
    const { code } = settings;
    const asked = language.ask("transform", { cell: cell.number, code });
    const early = this.#warm ? this.#check(cell, code) : undefined; // before types are there, it would slow down the transform
    const transformed = await asked;
    if (transformed.kind === "syntax") {
      if (early) this.#settle(cell, false);
      return failure(diagnosticsError("SyntaxError", transformed.diagnostics, code));
    }

    const strict = isStrict(code, this.#parts.strict);
    const checking = early ?? this.#check(cell, code);
    if (strict) {
      const errors = await checking;
      this.#settle(cell, errors.length === 0);
      if (errors.length > 0) return failure(diagnosticsError("TypeScriptError", errors, code));
    } else {
      this.#settle(cell, true);
      checking.then((errors) => this.#warn(cell, errors, code)).catch(() => {});
    }

    const { expressions, errors } = await this.#expressions(settings.userExpressions);
    await interrupter.settled(); // a late termination must not hit this cell
    if (running.interrupted) return failure(INTERRUPTED);
    const done = new Promise<Done>((resolve) => {
      cell.done = resolve;
    });
    const { code: javascript, map } = transformed;
    const { number, count, silent, allowStdin } = cell;
    post({ kind: "execute", cell: number, code: javascript, map, count, silent, allowStdin, userExpressions: expressions });
    const { outcome, userExpressions } = await done;
    if (!strict) await Promise.race([checking, running.stop, sleep(this.#patience(), undefined, { ref: false })]);
    return { outcome, userExpressions: outcome.status === "ok" ? { ...userExpressions, ...errors } : {} };
  }

  #patience(): number {
    return this.#warm ? CHECK_MS : Math.max(0, this.#coldSince! + COLD_CHECK_MS - performance.now());
  }

  /** The type errors of a cell; none where the language thread fails, which is no fault of the cell. */
  async #check(cell: Cell, code: string): Promise<CellDiagnostic[]> {
    this.#coldSince ??= performance.now();
    try {
      const diagnostics = await this.#parts.language.ask("check", { cell: cell.number, code });
      this.#warm = true;
      return diagnostics.filter(({ category }) => category === "error");
    } catch (error) {
      log(`a cell's types could not be checked: ${(error as Error).message}`);
      return [];
    }
  }

  /** Tells the thread that checked a cell whether it runs; where that thread has died, it has forgotten the cell anyway. */
  #settle(cell: Cell, runs: boolean): void {
    this.#parts.language.ask("settle", { cell: cell.number, runs }).catch(() => {});
  }

  #warn(cell: Cell, errors: CellDiagnostic[], code: string): void {
    if (errors.length > 0 && !cell.silent) this.#parts.publisher.stream(cell.parent, "stderr", diagnosticsText(errors, code));
  }

  /** User expressions as JavaScript, and what is wrong with those that are none. */
  async #expressions(sources: ExecuteSettings["userExpressions"]): Promise<{ expressions: { [name: string]: string }; errors: object }> {
    const expressions: { [name: string]: string } = {};
    const errors: { [name: string]: CellStatus } = {};
    for (const [name, code] of Object.entries(sources)) {
      const transformed = await this.#parts.language.ask("expression", { code });
      if (transformed.kind === "code") expressions[name] = transformed.code;
      else errors[name] = { status: "error", ...diagnosticsError("SyntaxError", transformed.diagnostics, code) };
    }
    return { expressions, errors };
  }
}

function startRunning(cell: Cell): Running {
  let interrupt = (): void => {};
  let giveUp = (): void => {};
  const stop = new Promise<void>((resolve) => {
    interrupt = resolve;
  });
  const givenUp = new Promise<void>((resolve) => {
    giveUp = resolve;
  });
  return { cell, interrupted: false, stop, givenUp, interrupt, giveUp };
}

function failure(error: CellError): Done {
  return { outcome: { status: "error", ...error }, userExpressions: {} };
}

/** An error as a reply's content. */
export function failed(error: unknown): { status: "error" } & CellError {
  const { name: ename, message: evalue } = error instanceof Error ? error : new Error(String(error));
  return { status: "error", ename, evalue, traceback: [`${ename}: ${evalue}`] };
}
