import type { ToSession } from "../messages.js";

export type InterruptTiming = {
  /** How long the main thread may take to answer before what it runs is cut off. */
  acknowledgeMs: number;
  /** The same while it is in work that looks for interrupts itself. */
  patientMs: number;
  /** How long cut-off code may take to be gone before it is cut off again. */
  againMs: number;
};

const TIMING: InterruptTiming = { acknowledgeMs: 150, patientMs: 900, againMs: 100 };
const MOST_PINGS = 50;

/**
 * Stops what the main thread runs: by asking, which stops code that waits, then by V8's `terminateExecution`, which stops code that
 * computes. A termination that comes late would hit whatever runs next, so an interrupt ends only when none is under way.
 */
export class Interrupter {
  readonly #post: (message: ToSession) => void;
  readonly #terminate: () => Promise<void>;
  readonly #wish: Int32Array;
  readonly #timing: InterruptTiming;
  #running: Promise<void> | undefined;
  #asked = 0;
  #acknowledged = 0;
  #wake: (() => void) | undefined;
  #terminations = 0;

  /** `terminate` resolves when the termination has hit something. `wish`: see `WISH_BYTES`. */
  constructor(post: (message: ToSession) => void, terminate: () => Promise<void>, wish: Int32Array, timing = TIMING) {
    this.#post = post;
    this.#terminate = terminate;
    this.#wish = wish;
    this.#timing = timing;
  }

  /** Resolves when the main thread has answered. One that is under way is joined. */
  interrupt(): Promise<void> {
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  /** Resolves when no interrupt is under way: new code may run. */
  async settled(): Promise<void> {
    await this.#running;
  }

  /** The session's answer. */
  acknowledged(id: number): void {
    this.#acknowledged = Math.max(this.#acknowledged, id);
    this.#wake?.();
  }

  async #run(): Promise<void> {
    const before = this.#asked;
    Atomics.store(this.#wish, 0, 1);
    const { acknowledgeMs, patientMs, againMs } = this.#timing;
    for (let wait = Atomics.load(this.#wish, 1) > 0 ? patientMs : acknowledgeMs; ; wait = againMs) {
      if (await this.#answered("interrupt", wait, before)) break;
      this.#terminations++;
      void this.#terminate().finally(() => this.#terminations--);
    }
    Atomics.store(this.#wish, 0, 0);
    for (let pings = 0; this.#terminations > 0 && pings < MOST_PINGS; pings++) {
      await this.#answered("ping", this.#timing.againMs, this.#asked);
    }
  }

  /** Asks, and waits for the answer to any question after `before`. */
  async #answered(kind: "interrupt" | "ping", milliseconds: number, before: number): Promise<boolean> {
    this.#post({ kind, id: ++this.#asked });
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, milliseconds);
      this.#wake = () => {
        if (this.#acknowledged <= before) return;
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wake = undefined;
    return this.#acknowledged > before;
  }
}
