/** How long work in a notebook lets itself be interrupted: a kernel hangs the running cell's signal on `globalThis`. */
import { setImmediate } from "node:timers/promises";

/** The signal of the cell that is running; ask when the work begins, because a later cell has another. None without a kernel. */
export const cellSignal = (): AbortSignal | undefined => (globalThis as { [name: symbol]: AbortSignal })[Symbol.for("Jupyter.signal")];

/** Lets timers, messages and interrupts in: native tensors resolve without ever leaving the microtask queue. @throws the signal's reason where it aborts. */
export async function breathe(signal: AbortSignal | undefined): Promise<void> {
  await setImmediate();
  signal?.throwIfAborted();
}
