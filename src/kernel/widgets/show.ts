/** Widgets that only show something: labels, progress, boxes of other widgets. */
import { escapeHtml } from "../format/html.js";
import { shortNumber } from "../format/table.js";
import { Markup } from "../markup.js";
import type { WidgetHost } from "./host.js";
import { controlState, labelled } from "./states.js";
import { Widget, type WidgetOptions } from "./widget.js";

/** A text whose content can be replaced; html`...` pieces are HTML, strings are text. */
export class LabelWidget extends Widget {
  #content: string | Markup;

  constructor(host: WidgetHost, content: string | Markup, { label = "", width }: Omit<WidgetOptions, "disabled"> = {}) {
    const { disabled: _, ...description } = labelled(label);
    const state = { ...controlState("HTML"), ...description, placeholder: "\u200b", value: toHtml(content) };
    super(host, { state, style: "HTMLStyle", width }, {});
    this.#content = content;
  }

  get content(): string | Markup {
    return this.#content;
  }

  set content(content: string | Markup) {
    this.#content = content;
    this.model.set({ value: toHtml(content) });
  }

  toString(): string {
    return this.#content instanceof Markup ? this.#content.plain : this.#content;
  }
}

const toHtml = (content: string | Markup): string =>
  content instanceof Markup && content.mime !== "text/markdown" ? content.text : escapeHtml(String(content));

export type ProgressOptions = Omit<WidgetOptions, "disabled"> & {
  /** What is full. */
  max: number;
  value?: number;
};

/** A bar that fills. */
export class ProgressWidget extends Widget {
  constructor(host: WidgetHost, { label = "", max, value = 0, width }: ProgressOptions) {
    if (!(Number.isFinite(max) && max > 0)) throw new RangeError(`progress: expected max above 0, got ${max}`);
    const { disabled: _, ...description } = labelled(label);
    const fields = { ...description, bar_style: "", max, min: 0, orientation: "horizontal", value: within(value, max) };
    super(host, { state: { ...controlState("FloatProgress", "Progress"), ...fields }, style: "ProgressStyle", width }, {});
  }

  /** From 0 to `max`; what is beyond is the end. */
  get value(): number {
    return this.model.state.value as number;
  }

  set value(value: number) {
    this.model.set({ value: within(value, this.max) });
  }

  get max(): number {
    return this.model.state.max as number;
  }

  get label(): string {
    return String(this.model.state.description);
  }

  set label(label: string) {
    this.model.set({ description: String(label) });
  }

  /** The bar's colour, by meaning. */
  set kind(kind: "" | "success" | "info" | "warning" | "danger") {
    this.model.set({ bar_style: kind });
  }

  toString(): string {
    return `${this.label ? `${this.label}: ` : ""}${shortNumber(this.value)} of ${shortNumber(this.max)}`;
  }
}

function within(value: number, max: number): number {
  if (typeof value !== "number" || Number.isNaN(value))
    throw new RangeError(`progress: expected a number from 0 to ${max}, got ${String(value)}`);
  return Math.min(max, Math.max(0, value));
}

/** Widgets beside or below one another. */
export class BoxWidget extends Widget {
  #children: readonly Widget[];

  constructor(host: WidgetHost, direction: "HBox" | "VBox", children: readonly Widget[]) {
    super(host, { state: { ...controlState(direction), box_style: "", children: references(children) } }, {});
    this.#children = [...children];
  }

  get children(): readonly Widget[] {
    return this.#children;
  }

  set children(children: readonly Widget[]) {
    const all = references(children);
    this.#children = [...children];
    this.model.set({ children: all });
  }

  toString(): string {
    return this.#children.map(String).filter(Boolean).join("\n");
  }
}

function references(children: readonly Widget[]): string[] {
  const wrong = children.find((child) => !(child instanceof Widget));
  if (wrong !== undefined)
    throw new TypeError(`box: expected widgets, got a ${typeof wrong}. Use widgets.output().show(value) for other values.`);
  return children.map((child) => child.asChild());
}
