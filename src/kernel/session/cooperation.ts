/** Long synchronous work that looks for interrupts by itself is not cut off by V8 at once: its `finally` blocks run. */
import { performance } from "node:perf_hooks";
import { Interrupted } from "./interrupt.js";

/** What libraries find under `Symbol.for("Jupyter.interruption")`. */
export type Interruption = {
  /** Throws the interrupt's error where the user wishes to interrupt. */
  check(): void;
  /** From here to `leave`, `check` is called several times a second. */
  enter(): void;
  leave(): void;
  /** For native code, which may look itself: its first number is not 0 while the user wishes to interrupt. */
  wish: Int32Array;
};

export type Cooperation = {
  interruption: Interruption;
  /** True for a message that tells of a wish which `check` has granted already. */
  granted(): boolean;
  /** The main thread is free: nobody is between `enter` and `leave`. */
  reset(): void;
};

/** The same wish may be told several times within this time. */
const SAME_MS = 1000;

/** `wish`: two Int32, see `WISH_BYTES`. `interrupt` stops the cell that runs. */
export function createCooperation(wish: Int32Array, interrupt: () => void): Cooperation {
  let grantedAt = Number.NEGATIVE_INFINITY;
  return {
    interruption: {
      check() {
        if (Atomics.exchange(wish, 0, 0) === 0) return;
        grantedAt = performance.now();
        interrupt();
        throw new Interrupted();
      },
      enter: () => void Atomics.add(wish, 1, 1),
      leave: () => void Atomics.sub(wish, 1, 1),
      wish,
    },
    granted: () => performance.now() - grantedAt < SAME_MS,
    reset: () => void Atomics.store(wish, 1, 0),
  };
}
