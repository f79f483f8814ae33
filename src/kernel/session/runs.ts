/** What is running for whom: each cell, and each comm message, is a run; what it starts (timers, promises, callbacks) stays part of it. */
import { AsyncLocalStorage } from "node:async_hooks";

export type Run = {
  /** The request. */
  readonly cell: number;
  /** In[n]; 0 where there is none. */
  readonly count: number;
  readonly allowStdin: boolean;
  readonly abort: AbortController;
  /** Rejects the awaits of cell code that are under way. */
  readonly waiting: Set<(reason: unknown) => void>;
  /** Cancels the timers that cell code started and that are still to come. */
  readonly timers: Map<unknown, () => void>;
  /** When it was first interrupted, by `performance.now()`. */
  interruptedAt: number | undefined;
  /** Awaits refused since the time for cleaning up has passed. */
  refused: number;
  /** Work that has not come to its end: the cell itself, or a comm message's handler. */
  busy: boolean;
};

export type Runs = {
  start(of: { cell: number; count?: number; allowStdin?: boolean }): Run;
  end(run: Run): void;
  /** Calls `work` so that everything it starts belongs to `run`. */
  within<T>(run: Run, work: () => T): T;
  /** The run that called, if it is known. */
  mine(): Run | undefined;
  /** The run that called; else what is busy; else the latest. */
  current(): Run | undefined;
  /** The request whose output this is: the current run's, or that of whoever registered the handler that runs; 0 where there is none. */
  outputCell(): number;
  /** Remembers whose output this is: what the result runs stays part of the run that calls it, but its output is theirs. */
  capture(): <T>(work: () => T) => T;
  /** What an interrupt is for: all that is busy, or, where nothing is, all that goes on in the background. */
  interruptible(): Run[];
};

export function createRuns(): Runs {
  const storage = new AsyncLocalStorage<{ run: Run | undefined; outputCell: number }>();
  const live = new Set<Run>();
  let latest: Run | undefined;

  const forget = (): void => {
    for (const run of live) if (!run.busy && !run.waiting.size && !run.timers.size) live.delete(run);
  };
  const busy = (): Run[] => [...live].filter((run) => run.busy);
  const mine = (): Run | undefined => storage.getStore()?.run;
  const current = (): Run | undefined => mine() ?? busy().at(-1) ?? latest;
  const outputCell = (): number => storage.getStore()?.outputCell ?? current()?.cell ?? 0;

  return {
    start({ cell, count = 0, allowStdin = false }) {
      forget();
      const run: Run = {
        cell,
        count,
        allowStdin,
        abort: new AbortController(),
        waiting: new Set(),
        timers: new Map(),
        interruptedAt: undefined,
        refused: 0,
        busy: true,
      };
      live.add(run);
      latest = run;
      return run;
    },
    end(run) {
      run.busy = false;
    },
    within: (run, work) => storage.run({ run, outputCell: run.cell }, work),
    mine,
    current,
    outputCell,
    capture() {
      const cell = outputCell();
      return cell ? (work) => storage.run({ run: mine(), outputCell: cell }, work) : (work) => work();
    },
    interruptible() {
      const now = busy();
      return now.length ? now : [...live];
    },
  };
}
