import { randomBytes } from "node:crypto";
import { setImmediate } from "node:timers";
import { displaySymbol } from "../display-symbol.js";
import { messageOf } from "../format/text.js";
import { formatValue } from "../format/value.js";
import type { MimeData } from "../messages.js";
import type { WidgetHost } from "./host.js";
import { OutputWidget } from "./output.js";
import { BoxWidget } from "./show.js";
import { InputWidget } from "./widget.js";

/** Inputs by the name under which the callback gets their values. */
// biome-ignore lint/suspicious/noExplicitAny: an input of any value; `never` and `unknown` fit neither side of `value`.
export type Inputs = { readonly [name: string]: InputWidget<any> };

export type InputValues<I extends Inputs> = { [Name in keyof I]: I[Name]["value"] };

/**
 * Inputs, and a drawing that is made anew when one of them changes. Only one drawing runs at a time: after it, the newest values are drawn,
 * and values in between never. As a widget it is the inputs alone: the drawing is an output of its own in each cell that shows it, because
 * that is what notebooks keep, GitHub shows and nbconvert converts. Only a box that holds it gets both in one widget.
 */
export class InteractWidget<I extends Inputs> extends BoxWidget {
  readonly #inputs: I;
  readonly #draw: (values: InputValues<I>) => unknown;
  readonly #stop: (() => void)[];
  /** Display id of the drawing, in every cell that shows it. */
  readonly #place = `drawing-${randomBytes(8).toString("hex")}`;
  /** The last drawing, once there is one. */
  #drawn: MimeData | undefined;
  #placed = false;
  /** Inputs and drawing in one, for boxes. */
  #whole: { box: BoxWidget; area: OutputWidget } | undefined;
  readonly #first = deferred();
  #drawing: Promise<void> = Promise.resolve();
  #busy = false;
  #again = false;

  constructor(host: WidgetHost, inputs: I, draw: (values: InputValues<I>) => unknown) {
    for (const [name, input] of Object.entries(inputs)) {
      if (!(input instanceof InputWidget))
        throw new TypeError(`interact input "${name}": expected a widget with a value, got a ${typeof input}`);
    }
    super(host, "VBox", Object.values(inputs));
    this.#inputs = inputs;
    this.#draw = draw;
    this.#stop = Object.values(inputs).map((input) => input.onChange(() => void this.redraw()));
    void this.redraw();
  }

  /** Shows both by itself, so that the drawing has a place of its own; there is nothing left to show for the caller. */
  override [displaySymbol](): MimeData {
    this.host.display(super[displaySymbol](), { raw: true });
    const placed = (): MimeData => {
      this.#placed = true;
      return this.#drawn!;
    };
    const drawing = { [displaySymbol]: () => (this.#drawn ? placed() : this.#first.promise.then(placed)) };
    this.host.display(drawing, { displayId: this.#place });
    return {};
  }

  override asChild(): string {
    if (!this.#whole) {
      const area = new OutputWidget(this.host);
      this.#whole = { area, box: new BoxWidget(this.host, "VBox", [...this.children, area]) };
      void this.#fill();
    }
    return this.#whole.box.asChild();
  }

  /** Draws with the values that stand; settles when the newest ones are drawn. It never rejects: errors are shown as the drawing. */
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
    this.#whole?.area.close();
    this.#whole?.box.close();
    super.close();
  }

  override toString(): string {
    return [super.toString(), this.#drawn?.["text/plain"]].filter(Boolean).join("\n");
  }

  async #drawAll(): Promise<void> {
    while (this.#again) {
      this.#again = false;
      try {
        const values = Object.fromEntries(Object.entries(this.#inputs).map(([name, input]) => [name, input.value]));
        const result = this.#call(values as InputValues<I>);
        const value = isThenable(result) ? await untilInterrupted(result) : result;
        const bundle = value === undefined ? {} : formatValue(value, { tables: true });
        this.#put(bundle instanceof Promise ? await untilInterrupted(bundle) : bundle);
      } catch (error) {
        this.#put(errorBundle(error));
      }
    }
    this.#busy = false;
  }

  /** A place stays one only while there is something in it. */
  #put(bundle: MimeData): void {
    this.#drawn = Object.keys(bundle).length ? bundle : { "text/plain": "" };
    if (this.#placed) this.host.display(this.#drawn, { raw: true, displayId: this.#place, update: true });
    else this.#first.resolve();
    void this.#fill();
  }

  async #fill(): Promise<void> {
    await this.#whole?.area.show(this.#drawn && { [displaySymbol]: () => this.#drawn });
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
async function untilInterrupted<T>(result: PromiseLike<T>): Promise<T> {
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

/** Front ends show it in red where they know how; saved pages as text. */
function errorBundle(error: unknown): MimeData {
  const known = error instanceof Error;
  const text = known ? String(error.stack ?? `${error.name}: ${error.message}`) : `Error: ${messageOf(error)}`;
  return { "application/vnd.jupyter.stderr": text, "text/plain": text };
}

function deferred(): { promise: Promise<void>; resolve(): void } {
  let resolve!: () => void;
  const promise = new Promise<void>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

const signalSymbol: unique symbol = Symbol.for("Jupyter.signal") as never;

const isThenable = (value: unknown): value is PromiseLike<unknown> =>
  typeof value === "object" && value !== null && typeof (value as { then?: unknown }).then === "function";
