import { setImmediate } from "node:timers";
import type { WidgetHost } from "./host.js";
import { OutputWidget } from "./output.js";
import { BoxWidget } from "./show.js";
import { InputWidget } from "./widget.js";

/** Inputs by the name under which the callback gets their values. */
// biome-ignore lint/suspicious/noExplicitAny: an input of any value; `never` and `unknown` fit neither side of `value`.
export type Inputs = { readonly [name: string]: InputWidget<any> };

export type InputValues<I extends Inputs> = { [Name in keyof I]: I[Name]["value"] };

/**
 * Inputs above an area that is drawn anew when one of them changes. Only one drawing runs at a time: after it, the newest values are drawn,
 * and values in between never.
 */
export class InteractWidget<I extends Inputs> extends BoxWidget {
  readonly #inputs: I;
  readonly #draw: (values: InputValues<I>) => unknown;
  readonly #area: OutputWidget;
  readonly #stop: (() => void)[];
  #drawing: Promise<void> = Promise.resolve();
  #busy = false;
  #again = false;

  constructor(host: WidgetHost, inputs: I, draw: (values: InputValues<I>) => unknown) {
    for (const [name, input] of Object.entries(inputs)) {
      if (!(input instanceof InputWidget))
        throw new TypeError(`interact input "${name}": expected a widget with a value, got a ${typeof input}`);
    }
    const area = new OutputWidget(host);
    super(host, "VBox", [...Object.values(inputs), area]);
    this.#inputs = inputs;
    this.#draw = draw;
    this.#area = area;
    this.#stop = Object.values(inputs).map((input) => input.onChange(() => void this.redraw()));
    void this.redraw();
  }

  /** Draws with the values that stand; settles when the newest ones are drawn. It never rejects: errors are shown in the area. */
  redraw(): Promise<void> {
    this.#again = true;
    if (!this.#busy) {
      this.#busy = true;
      this.#drawing = this.#drawAll();
    }
    return this.#drawing;
  }

  /** Settles when the newest values are drawn. */
  drawn(): Promise<void> {
    return this.#drawing;
  }

  override close(): void {
    for (const stop of this.#stop) stop();
    this.#area.close();
    super.close();
  }

  async #drawAll(): Promise<void> {
    while (this.#again) {
      this.#again = false;
      try {
        const values = Object.fromEntries(Object.entries(this.#inputs).map(([name, input]) => [name, input.value]));
        const result = this.#call(values as InputValues<I>);
        await this.#area.show(isThenable(result) ? await untilInterrupted(result) : result);
      } catch (error) {
        this.#area.error(error);
      }
    }
    this.#busy = false;
  }

  /** V8 cuts an interrupted loop off without `finally`: then the next turn finds the call unfinished, and drawing is possible again. */
  #call(values: InputValues<I>): unknown {
    let finished = false;
    setImmediate(() => {
      if (!finished) this.#busy = false;
    });
    try {
      const result = this.#draw(values);
      finished = true;
      return result;
    } catch (error) {
      finished = true;
      throw error;
    }
  }
}

/** What was interrupted may never settle; the session's signal says so. */
async function untilInterrupted(result: PromiseLike<unknown>): Promise<unknown> {
  const signal = (globalThis as { [signalSymbol]?: AbortSignal })[signalSymbol];
  if (!signal) return result;
  let stop!: () => void;
  const interrupted = new Promise<never>((_, reject) => {
    stop = () => reject(new Error("Interrupted"));
    signal.addEventListener("abort", stop);
  });
  try {
    return await Promise.race([result, interrupted]);
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

const signalSymbol: unique symbol = Symbol.for("Jupyter.signal") as never;

const isThenable = (value: unknown): value is PromiseLike<unknown> =>
  typeof value === "object" && value !== null && typeof (value as { then?: unknown }).then === "function";
