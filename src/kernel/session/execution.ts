import timers from "node:timers";
import { formatValue } from "../format/value.js";
import type { CellStatus, MimeData, ToSession } from "../messages.js";
import type { Cells } from "./cells.js";
import type { Evaluator } from "./evaluate.js";
import { CLEANUP, Interrupted, interruptRun } from "./interrupt.js";
import type { Outbox } from "./outbox.js";
import type { Preloads } from "./preloads.js";
import type { Run, Runs } from "./runs.js";
import { describeError } from "./traceback.js";

const { setTimeout } = timers; // before they are tracked

type Execute = Extract<ToSession, { kind: "execute" }>;

export type Execution = {
  /** Runs a cell. A request that is sent twice runs once. */
  execute(request: Execute): void;
  /** Calls the handlers of a comm message. They may run for long: nothing waits for them. */
  receive(cell: number, handle: () => Promise<void>): void;
  /** Stops what runs. What is gone without a trace, because V8 cut it off, is done when the time for cleaning up has passed. */
  interrupt(): void;
};

export type ExecutionParts = {
  runs: Runs;
  cells: Cells;
  outbox: Outbox;
  evaluator: Evaluator;
  preloads: Preloads;
  /** Where a cell's last expression leaves its value. */
  kernel: { last: unknown };
  /** Settles when all that was displayed so far is sent. */
  settled(): Promise<void>;
};

/** Requests remembered. */
const REMEMBERED = 100;

/** What `last` is where the code had no last expression. */
const NOTHING = Symbol("nothing");

export function createExecution({ runs, cells, outbox, evaluator, preloads, kernel, settled }: ExecutionParts): Execution {
  const started = new Set<number>();
  /** How to end what has not ended. */
  const endings = new Map<Run, (outcome: CellStatus) => void>();

  function execute(request: Execute): void {
    const { cell, count, code, map, userExpressions } = request;
    outbox.send({ kind: "started", cell });
    if (started.has(cell)) return;
    started.add(cell);
    if (started.size > REMEMBERED) started.delete(started.values().next().value!);
    const run = runs.start(request);
    const name = cells.add(cell, { count, code, map });

    const end = (outcome: CellStatus, values: { [name: string]: unknown } = {}): void => {
      if (!endings.delete(run)) return;
      runs.end(run);
      outbox.send({ kind: "done", cell, outcome, userExpressions: values });
    };
    endings.set(run, end);
    void runs.within(run, async () => {
      try {
        await preloads.ready(code);
        if (run.interruptedAt !== undefined) throw new Interrupted();
        const value = await valueLeftBy(code, name, undefined);
        if (value !== undefined && !request.silent) await sendResult(value, run);
        await unlessInterrupted(settled(), run);
        end({ status: "ok" }, await evaluateExpressions(userExpressions));
      } catch (error) {
        end({ status: "error", ...describeError(error, cells) });
      }
    });
  }

  /** What `code` leaves in `last`; where it leaves nothing there, its completion value or `otherwise`. */
  async function valueLeftBy(code: string, name: string, otherwise?: "completion"): Promise<unknown> {
    kernel.last = NOTHING;
    const evaluation = evaluator.evaluate(code, name);
    if (evaluation.kind === "terminated") throw new Interrupted();
    if (evaluation.kind === "refused") throw refusal(evaluation.message, `${name}:${evaluation.line}:${evaluation.column}`);
    const completion = (await evaluation.promise) as { ".repl_result"?: unknown } | undefined;
    const { last } = kernel;
    kernel.last = undefined;
    if (last !== NOTHING) return last;
    return otherwise && completion?.[".repl_result"];
  }

  async function sendResult(value: unknown, run: Run): Promise<void> {
    const formatted = formatValue(value);
    const data = formatted instanceof Promise ? await unlessInterrupted(formatted, run) : formatted;
    if (Object.keys(data).length) outbox.send({ kind: "result", cell: run.cell, data, metadata: {} });
  }

  async function evaluateExpressions(expressions: Execute["userExpressions"]): Promise<{ [name: string]: unknown }> {
    const results: { [name: string]: unknown } = {};
    for (const [name, code] of Object.entries(expressions)) {
      try {
        const data: MimeData = await formatValue(await valueLeftBy(code, "expression.ts", "completion"));
        results[name] = { status: "ok", data, metadata: {} };
      } catch (error) {
        results[name] = { status: "error", ...describeError(error, cells) };
      }
    }
    return results;
  }

  return {
    execute,
    receive(cell, handle) {
      const run = runs.start({ cell });
      const end = (): void => {
        if (!endings.delete(run)) return;
        runs.end(run);
        outbox.send({ kind: "handled", cell });
      };
      endings.set(run, end);
      void runs.within(run, () => handle().finally(end));
    },
    interrupt() {
      for (const run of runs.interruptible()) {
        interruptRun(run);
        setTimeout(() => endings.get(run)?.({ status: "error", ...describeError(new Interrupted(), cells) }), CLEANUP);
      }
    },
  };
}

function refusal(message: string, place: string): SyntaxError {
  const error = new SyntaxError(message);
  error.stack = `SyntaxError: ${message}\n    at ${place}`;
  return error;
}

/** The kernel's own waiting for what cells have started. */
function unlessInterrupted<T>(promise: Promise<T>, run: Run): Promise<T> {
  return new Promise((resolve, reject) => {
    run.waiting.add(reject);
    promise.then(resolve, reject).finally(() => run.waiting.delete(reject));
  });
}
