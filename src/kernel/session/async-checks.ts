import { createHook } from "node:async_hooks";
import process from "node:process";

type Binding = { async_hook_fields: Uint32Array; constants: { kTotals: number; kCheck: number }; clearAsyncIdStack(): void };

/**
 * An interrupt unwinds JavaScript without a trace, so Node's stack of asynchronous ids keeps entries, and Node 20 and 22 end the process
 * over that while an AsyncLocalStorage is in use. This switches their two assertions off, also when something enables hooks later. Node 24
 * keeps contexts in another way and needs nothing but `--no-force-async-hooks-checks`, which the launcher gives to all.
 * The result empties the stack; it is called after an interrupt.
 */
export function relaxAsyncChecks(): () => void {
  const binding = asyncBinding();
  if (!binding) return () => {};
  const { async_hook_fields: fields, constants } = binding;
  const relax = (): void => {
    fields[constants.kTotals] = 0;
    fields[constants.kCheck] = 0;
  };
  const hooks: { enable(this: unknown): unknown } = Object.getPrototypeOf(createHook({}));
  const { enable } = hooks;
  hooks.enable = function () {
    const enabled = enable.call(this);
    relax();
    return enabled;
  };
  relax();
  return () => binding.clearAsyncIdStack();
}

/** Deprecated, but there is no other way in; absent from Node 24. */
function asyncBinding(): Binding | undefined {
  const before = process.noDeprecation;
  try {
    process.noDeprecation = true;
    return (process as unknown as { binding(name: string): Binding }).binding("async_wrap");
  } catch {
    return undefined;
  } finally {
    process.noDeprecation = before as boolean;
  }
}
