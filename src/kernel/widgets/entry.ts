/** Widgets that the user types into, ticks or presses. */
import type { Guarded } from "../comms.js";
import { cut } from "../format/html.js";
import type { WidgetHost } from "./host.js";
import { controlState, labelled } from "./states.js";
import { ControlWidget, InputWidget, type ValueKind, type WidgetOptions } from "./widget.js";

export type CheckboxOptions = WidgetOptions & { value?: boolean };

export function checkbox(host: WidgetHost, { label = "", value = false, disabled = false, width }: CheckboxOptions): InputWidget<boolean> {
  const state = { ...controlState("Checkbox"), ...labelled(label), disabled, indent: false };
  const toText = (on: boolean): string => (on ? "yes" : "no");
  return new InputWidget(host, { state, style: "CheckboxStyle", width }, plainKind("checkbox", "boolean", toText), value);
}

export type TextOptions = WidgetOptions & {
  value?: string;
  /** Shown while there is no text. */
  placeholder?: string;
  /** Handlers hear while the user types (unless given), or once the field is left. */
  live?: boolean;
};

/** A line of text. */
export class TextWidget extends InputWidget<string> {
  readonly #handlers = new Set<Guarded<[value: string]>>();

  constructor(host: WidgetHost, { value = "", width, ...options }: TextOptions) {
    const state = { ...controlState("Text"), ...textFields(options) };
    super(host, { state, style: "TextStyle", width }, textKind, value, (content) => this.#receive(content));
  }

  /** Calls `handler` with the text when the user presses Enter; the result stops that. */
  onSubmit(handler: (value: string) => unknown): () => void {
    const guarded = this.host.comms.guard(handler);
    this.#handlers.add(guarded);
    return () => void this.#handlers.delete(guarded);
  }

  async #receive(content: unknown): Promise<void> {
    if (!isEvent(content, "submit")) return;
    await Promise.all([...this.#handlers].map((handler) => handler(this.value)));
  }
}

export type TextareaOptions = TextOptions & {
  /** Lines that are seen at once. */
  rows?: number;
};

/** Several lines of text. */
export function textarea(host: WidgetHost, { value = "", rows, width, ...options }: TextareaOptions): InputWidget<string> {
  const state = { ...controlState("Textarea"), ...textFields(options), rows: rows ?? null };
  return new InputWidget(host, { state, style: "TextStyle", width }, textKind, value);
}

export type ButtonOptions = WidgetOptions & {
  label: string;
  /** Its colour, by meaning. */
  kind?: "" | "primary" | "success" | "info" | "warning" | "danger";
  /** Called on each press, like a handler of `onClick`. */
  onClick?: () => unknown;
};

/** A button; several handlers may listen to it. */
export class ButtonWidget extends ControlWidget {
  readonly #handlers = new Set<Guarded<[]>>();

  constructor(host: WidgetHost, { label, kind = "", disabled = false, onClick, width }: ButtonOptions) {
    const state = { ...controlState("Button"), description: label, disabled, button_style: kind, icon: "" };
    super(host, { state, style: "ButtonStyle", width }, { custom: (content) => this.#receive(content) });
    if (onClick) this.onClick(() => onClick());
  }

  /** Calls `handler` on each press; the result stops that. What it prints goes to the cell that called this; so does its error, which stops nothing. */
  onClick(handler: () => unknown): () => void {
    const guarded = this.host.comms.guard(handler);
    this.#handlers.add(guarded);
    return () => void this.#handlers.delete(guarded);
  }

  /** Does what a press by the user does. */
  async click(): Promise<void> {
    await Promise.all([...this.#handlers].map((handler) => handler()));
  }

  toString(): string {
    return `[${this.label}]`;
  }

  #receive(content: unknown): Promise<void> | undefined {
    return isEvent(content, "click") && !this.disabled ? this.click() : undefined;
  }
}

const textFields = ({ label = "", placeholder = "\u200b", disabled = false, live = true }: Omit<TextOptions, "value">) => ({
  ...labelled(label),
  disabled,
  continuous_update: live,
  placeholder,
});

const textKind: ValueKind<string> = plainKind("text", "string", (text: string) => cut(text, 200));

function plainKind<T>(name: string, type: "string" | "boolean", toText: (value: T) => string): ValueKind<T> {
  return {
    field: "value",
    check(value) {
      if (typeof value !== type) throw new TypeError(`${name}: expected a ${type}, got a ${typeof value}`);
      return value;
    },
    toState: (value) => value,
    fromState: (raw) => raw as T,
    same: Object.is,
    toText,
  };
}

const isEvent = (content: unknown, name: string): boolean =>
  typeof content === "object" && content !== null && (content as { event?: unknown }).event === name;
