/** Timers that cell code starts end with an interrupt. Those of libraries do not: what a library has begun, it may have to end itself. */
import { syncBuiltinESMExports } from "node:module";
import timers from "node:timers";
import promises from "node:timers/promises";
import { promisify } from "node:util";
import { calledFromCell } from "./caller.js";
import type { Run, Runs } from "./runs.js";

type Callback = (...values: unknown[]) => unknown;
type Start = (callback: Callback, ...rest: unknown[]) => object;

/** Replaces the timers of `node:timers`, `node:timers/promises` and the globals. */
export function trackTimers(runs: Pick<Runs, "mine">): void {
  const owners = new WeakMap<object, Run>();
  /** The run, where its cell's code called `wrapper`. */
  const owner = (wrapper: Callback): Run | undefined => {
    const run = runs.mine();
    return run && calledFromCell(wrapper) ? run : undefined;
  };

  function tracked(start: Start, clear: (handle: never) => void, once: boolean): Start {
    const wrapper: Start = (callback, ...rest) => {
      const run = typeof callback === "function" ? owner(wrapper as Callback) : undefined;
      if (!run) return start(callback, ...rest);
      const called = function (this: unknown, ...values: unknown[]): unknown {
        if (once) run.timers.delete(handle);
        return callback.apply(this, values);
      };
      const handle = start(called, ...rest);
      run.timers.set(handle, () => clear(handle as never));
      owners.set(handle, run);
      return handle;
    };
    return wrapper;
  }

  function forgetting(clear: (handle: never) => void): (handle: unknown) => void {
    return (handle) => {
      if (typeof handle === "object" && handle !== null) owners.get(handle)?.timers.delete(handle);
      clear(handle as never);
    };
  }

  /** Adds the cell's signal to the options, which are the argument at `at`. */
  function signalled(start: Callback, at: number): Callback {
    const wrapper: Callback = (...values) => {
      const run = owner(wrapper);
      if (!run) return start(...values);
      const options = (values[at] ?? {}) as { signal?: AbortSignal };
      const signal = options.signal ? AbortSignal.any([options.signal, run.abort.signal]) : run.abort.signal;
      const all = values.slice(0, at);
      all.length = at;
      return start(...all, { ...options, signal });
    };
    return wrapper;
  }

  const { setTimeout, setInterval, setImmediate, clearTimeout, clearInterval, clearImmediate } = timers;
  const waits = {
    setTimeout: signalled(promises.setTimeout as Callback, 2),
    setImmediate: signalled(promises.setImmediate as Callback, 1),
    setInterval: signalled(promises.setInterval as Callback, 2),
  };
  const replaced = {
    setTimeout: Object.assign(tracked(setTimeout as Start, clearTimeout, true), { [promisify.custom]: waits.setTimeout }),
    setInterval: tracked(setInterval as Start, clearInterval, false),
    setImmediate: Object.assign(tracked(setImmediate as Start, clearImmediate, true), { [promisify.custom]: waits.setImmediate }),
    clearTimeout: forgetting(clearTimeout),
    clearInterval: forgetting(clearInterval),
    clearImmediate: forgetting(clearImmediate),
  };
  for (const [name, value] of Object.entries(replaced)) Object.defineProperty(value, "name", { value: name });
  Object.assign(timers, replaced);
  Object.assign(globalThis, replaced);
  Object.assign(promises, waits);
  const { scheduler } = promises;
  const wait = signalled(scheduler.wait.bind(scheduler) as Callback, 1);
  Object.defineProperty(scheduler, "wait", { value: wait, configurable: true, writable: true });
  syncBuiltinESMExports();
}
