import { messageOf } from "../format/text.js";
import { formatValue } from "../format/value.js";
import type { MimeData } from "../messages.js";
import type { WidgetHost } from "./host.js";
import { outputState } from "./states.js";
import { Widget } from "./widget.js";

/**
 * An area whose content can be replaced at any time, also from callbacks. The content is part of the widget's state, so that it needs no
 * running cell to belong to.
 */
export class OutputWidget extends Widget {
  /** Counts what was asked for: something asked for earlier does not replace it when it is ready later. */
  #asked = 0;
  #text = "";

  constructor(host: WidgetHost, { width }: { width?: string } = {}) {
    super(host, { state: outputState(), width }, {});
  }

  /** Shows `value` in place of what is there; `undefined` shows nothing. Settles when it is shown; it never rejects. */
  async show(value: unknown): Promise<void> {
    const asked = ++this.#asked;
    const bundle = value === undefined ? {} : formatValue(value, { tables: true });
    if (!(bundle instanceof Promise)) {
      this.#put(bundle);
      return;
    }
    const data = await bundle;
    if (asked === this.#asked) this.#put(data);
  }

  /** Shows an error as a failed cell would. */
  error(error: unknown): void {
    this.#asked++;
    const { name, message, stack } = error instanceof Error ? error : { name: "Error", message: messageOf(error), stack: undefined };
    this.#text = `${name}: ${message}`;
    const traceback = String(stack ?? this.#text).split("\n");
    this.model.set({ outputs: [{ output_type: "error", ename: String(name), evalue: String(message), traceback }] });
  }

  clear(): void {
    this.#asked++;
    this.#put({});
  }

  toString(): string {
    return this.#text;
  }

  #put(data: MimeData): void {
    this.#text = typeof data["text/plain"] === "string" ? data["text/plain"] : "";
    this.model.set({ outputs: Object.keys(data).length ? [{ output_type: "display_data", data, metadata: {} }] : [] });
  }
}
