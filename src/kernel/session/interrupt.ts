/** How cells are stopped while the main thread is free: their awaits reject, so that `finally` blocks run, and their timers are cleared. */
import { performance } from "node:perf_hooks";
import timers from "node:timers";
import type { Run, Runs } from "./runs.js";

const { setImmediate, setTimeout } = timers; // before they are tracked

/** What an interrupted cell's awaits reject with. Front ends know the name. */
export class Interrupted extends Error {
  override name = "KeyboardInterrupt";
  constructor() {
    super("Interrupted");
    this.stack = `${this.name}: ${this.message}`;
  }
}

/** True for the interrupt itself, and for what an aborted operation throws because of it. */
export function isInterrupt(error: unknown): boolean {
  try {
    return error instanceof Interrupted || (error instanceof Error && error.name === "AbortError" && error.cause instanceof Interrupted);
  } catch {
    return false;
  }
}

/** Milliseconds in which an interrupted cell may still await, for its `finally` blocks. */
export const CLEANUP = 400;

/** After so many refused awaits, in a loop that catches everything, the next one never ends. */
const PATIENCE = 100;

/**
 * Aborts the signal, rejects what is awaited and clears the timers; once more when the time for cleaning up has passed. In that time, a
 * further interrupt changes nothing: one wish may be sent several times.
 */
export function interruptRun(run: Run): void {
  const first = run.interruptedAt === undefined;
  run.interruptedAt ??= performance.now();
  if (!first && performance.now() - run.interruptedAt < CLEANUP) return;
  stop(run);
  if (first) setTimeout(() => stop(run), CLEANUP);
}

function stop(run: Run): void {
  const reason = new Interrupted();
  for (const cancel of run.timers.values()) cancel();
  run.timers.clear();
  const waiting = [...run.waiting];
  run.waiting.clear();
  for (const reject of waiting) reject(reason);
  run.abort.abort(reason);
}

/** What `await x` and `for await` of cell code become. */
export type Awaiting = {
  /** `value`, or a promise like it that also rejects when the cell is interrupted. */
  wait(value: unknown): unknown;
  /** `source`, whose iterator is closed when the cell is interrupted. */
  iterate(source: AsyncIterable<unknown> | Iterable<unknown>): AsyncIterable<unknown>;
};

export function createAwaiting(runs: Pick<Runs, "mine">): Awaiting {
  function wait(value: unknown): unknown {
    const run = runs.mine();
    if (!run) return value;
    if (run.interruptedAt !== undefined && performance.now() - run.interruptedAt > CLEANUP) return refuse(run, value);
    if (!isThenable(value)) return value;
    return until(value, run);
  }

  function iterate(source: AsyncIterable<unknown> | Iterable<unknown>): AsyncIterable<unknown> {
    const async = (source as AsyncIterable<unknown> | undefined)?.[Symbol.asyncIterator];
    const iterator: AnyIterator = async ? async.call(source) : (source as Iterable<unknown>)[Symbol.iterator]();
    const close = (): void => {
      // Not awaited: the iterator may be in the middle of a step, and closes when that ends.
      void Promise.resolve()
        .then(() => iterator.return?.())
        .catch(() => {});
    };
    const step = async (made: unknown): Promise<IteratorResult<unknown>> => {
      let waited = made;
      try {
        waited = await wait(made);
        const { done, value } = waited as IteratorResult<unknown>;
        return async ? (waited as IteratorResult<unknown>) : ({ done, value: await wait(value) } as IteratorResult<unknown>);
      } catch (error) {
        if (error instanceof Interrupted || !async) close();
        throw error;
      }
    };
    return {
      [Symbol.asyncIterator]: () => ({
        next: async () => step(iterator.next()),
        return: async (value) => (iterator.return ? step(iterator.return(value)) : { done: true, value }),
      }),
    };
  }

  return { wait, iterate };
}

type AnyIterator = { next(): unknown; return?(value?: unknown): unknown };

const isThenable = (value: unknown): value is PromiseLike<unknown> =>
  (typeof value === "object" || typeof value === "function") &&
  value !== null &&
  typeof (value as PromiseLike<unknown>).then === "function";

/**
 * The promise's own functions are passed on, and nothing else hangs on `value`: only so does V8 find the way from an error to the cell that
 * awaits.
 */
async function until(value: PromiseLike<unknown>, run: Run): Promise<unknown> {
  let stop = (_reason: unknown): void => {};
  try {
    return await new Promise((resolve, reject) => {
      stop = reject;
      run.waiting.add(stop);
      Promise.resolve(value).then(resolve, reject);
    });
  } finally {
    run.waiting.delete(stop);
  }
}

/** Refuses in a later turn, so that a loop which catches and goes on does not take the thread for itself. */
function refuse(run: Run, value: unknown): Promise<never> {
  if (isThenable(value)) Promise.resolve(value).catch(() => {});
  if (++run.refused > PATIENCE) return new Promise(() => {});
  return new Promise((_, reject) => setImmediate(() => reject(new Interrupted())));
}
