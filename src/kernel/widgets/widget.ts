import { inspect } from "node:util";
import type { Guarded } from "../comms.js";
import { displaySymbol } from "../display-symbol.js";
import type { MimeData } from "../messages.js";
import type { Model, ModelHandlers, ModelState, WidgetHost } from "./host.js";
import { layoutState, reference, type StyleName, styleState } from "./states.js";

/** What every widget can be told. */
export type WidgetOptions = {
  /** Text beside the widget. */
  label?: string;
  /** Greyed out, and deaf to the user. */
  disabled?: boolean;
  /** CSS width, such as `"300px"` or `"100%"`. */
  width?: string;
};

/** How a widget is put into the front end: its state without layout and style, and the name of its style model. */
export type WidgetParts = { state: ModelState; style?: StyleName; width?: string | undefined };

/** Something in the notebook that the user and the code both see. It shows itself as a cell's last value, or by `display`. */
export abstract class Widget {
  readonly #parts: Model[];
  protected readonly model: Model;

  constructor(
    protected readonly host: WidgetHost,
    { state, style, width }: WidgetParts,
    handlers: ModelHandlers,
  ) {
    const layout = host.open(layoutState(width === undefined ? {} : { width }));
    const styled = style && host.open(styleState(style));
    this.#parts = styled ? [layout, styled] : [layout];
    this.model = host.open({ ...state, layout: reference(layout), ...(styled && { style: reference(styled) }) }, handlers);
  }

  /** The model's id in the front end. */
  get id(): string {
    return this.model.id;
  }

  /** Takes the widget out of the notebook. */
  close(): void {
    for (const part of [this.model, ...this.#parts]) part.close();
  }

  /** What a box that holds the widget calls it. */
  asChild(): string {
    return reference(this.model);
  }

  /** What is shown where there is no live kernel, and in logs. */
  abstract toString(): string;

  [displaySymbol](): MimeData {
    return {
      "application/vnd.jupyter.widget-view+json": { version_major: 2, version_minor: 0, model_id: this.id },
      "text/plain": this.toString(),
    };
  }

  [inspect.custom](): string {
    return this.toString();
  }
}

/** How a control keeps its value in the model. */
export type ValueKind<T> = {
  /** The field of the state. */
  field: "value" | "index";
  /** @throws RangeError for what the control cannot have. */
  check(value: T): T;
  toState(value: T): unknown;
  /** From what the front end sent. @throws for what is no value. */
  fromState(raw: unknown): T;
  /** What a value from the front end means where `before` stood: a front end that cannot show `before` itself sends what it shows. */
  settle?(value: T, before: T): T;
  same(a: T, b: T): boolean;
  toText(value: T): string;
};

/** A widget with a text beside or on it, that can be switched off. */
export abstract class ControlWidget extends Widget {
  /** Text beside the widget, or on it. */
  get label(): string {
    return String(this.model.state.description);
  }

  set label(label: string) {
    this.model.set({ description: String(label) });
  }

  /** Greyed out, and deaf to the user. */
  get disabled(): boolean {
    return this.model.state.disabled === true;
  }

  set disabled(disabled: boolean) {
    this.model.set({ disabled: Boolean(disabled) });
  }
}

/** A widget with a value that the user can change. */
export class InputWidget<T> extends ControlWidget {
  readonly #kind: ValueKind<T>;
  readonly #handlers = new Set<Guarded<[value: T]>>();
  #value: T;

  constructor(host: WidgetHost, parts: WidgetParts, kind: ValueKind<T>, value: T, custom?: (content: unknown) => unknown) {
    const first = kind.check(value);
    const state = { ...parts.state, [kind.field]: kind.toState(first) };
    super(host, { ...parts, state }, { update: (changes) => this.#receive(changes), ...(custom && { custom }) });
    this.#kind = kind;
    this.#value = first;
  }

  /** The value now. Assigning one moves the widget and calls the handlers. @throws RangeError for a value that the widget cannot have. */
  get value(): T {
    return this.#value;
  }

  set value(value: T) {
    const next = this.#kind.check(value);
    if (this.#kind.same(this.#value, next)) return;
    this.#value = next;
    this.model.set({ [this.#kind.field]: this.#kind.toState(next) });
    void this.#changed();
  }

  /**
   * Calls `handler` with each new value, whoever changed it; the result stops that. What it prints goes to the cell that called `onChange`; so
   * does its error, which stops nothing.
   */
  onChange(handler: (value: T) => unknown): () => void {
    const guarded = this.host.comms.guard(handler);
    this.#handlers.add(guarded);
    return () => void this.#handlers.delete(guarded);
  }

  toString(): string {
    return `${this.label ? `${this.label}: ` : ""}${this.#kind.toText(this.#value)}`;
  }

  /** What the widget cannot have is refused: the front end gets the value that stands. */
  #receive(changes: ModelState): unknown {
    const { field, check, fromState, settle, same } = this.#kind;
    if (!Object.hasOwn(changes, field)) return undefined;
    let next: T;
    try {
      next = check(fromState(changes[field]));
      if (settle) next = settle(next, this.#value);
    } catch {
      this.model.send(field);
      return undefined;
    }
    this.model.take({ [field]: this.#kind.toState(next) });
    if (same(this.#value, next)) return undefined;
    this.#value = next;
    return this.#changed();
  }

  async #changed(): Promise<void> {
    const value = this.#value;
    await Promise.all([...this.#handlers].map((handler) => handler(value)));
  }
}
