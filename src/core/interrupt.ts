/** How long work in a notebook lets itself be interrupted: through what a kernel hangs on `globalThis`. Without a kernel nothing happens. */
import { setImmediate } from "node:timers/promises";

/** Lets the kernel know of synchronous work that looks for interrupts itself, and says where the user wishes one. */
type Interruption = { check(): void; enter(): void; leave(): void; wish?: Int32Array };

type Seams = { [seam: symbol]: unknown };
const signalSeam = Symbol.for("Jupyter.signal");
const interruptionSeam = Symbol.for("Jupyter.interruption");

/** The signal of the cell that is running; ask when the work begins, because a later cell has another. */
export const cellSignal = (): AbortSignal | undefined => (globalThis as Seams)[signalSeam] as AbortSignal | undefined;

const interruption = (): Interruption | undefined => (globalThis as Seams)[interruptionSeam] as Interruption | undefined;

/** Lets timers, messages and interrupts in: native tensors resolve without ever leaving the microtask queue. @throws the signal's reason where it aborts. */
export async function breathe(signal: AbortSignal | undefined): Promise<void> {
  await setImmediate();
  signal?.throwIfAborted();
}

/** Runs synchronous work in which `checkInterrupt` is called often: the kernel does not stop it by force, which would skip `finally` blocks. */
export function interruptibly<T>(work: () => T): T {
  const kernel = interruption();
  if (!kernel) return work();
  kernel.enter();
  try {
    return work();
  } finally {
    kernel.leave();
  }
}

/** @throws the kernel's interrupt where the user wishes one. */
export const checkInterrupt = (): void => interruption()?.check();

/** Memory whose first number is not 0 while the user wishes an interrupt: for native code, which cannot call `checkInterrupt`. */
export const interruptWish = (): Int32Array | undefined => interruption()?.wish;
