import { cut } from "../format/html.js";
import type { WidgetHost } from "./host.js";
import { controlState, labelled } from "./states.js";
import { InputWidget, type ValueKind, type WidgetOptions } from "./widget.js";

export type ChoiceOptions<T> = WidgetOptions & {
  /** The values, or the values by the name to show. */
  options: readonly T[] | { readonly [name: string]: T };
  /** The first unless given. */
  value?: NoInfer<T>;
};

/** One of several values, from a list that opens. @throws RangeError without options, and for a value that is none of them. */
export function dropdown<T>(host: WidgetHost, options: ChoiceOptions<T>): InputWidget<T> {
  const { kind, names, first } = choiceKind("dropdown", options);
  const state = { ...controlState("Dropdown"), ...fields(options), _options_labels: names };
  return new InputWidget(host, { state, style: "DescriptionStyle", width: options.width }, kind, first);
}

/** One of a few values, each a button. @throws as `dropdown`. */
export function buttons<T>(host: WidgetHost, options: ChoiceOptions<T>): InputWidget<T> {
  const { kind, names, first } = choiceKind("buttons", options);
  const extra = { _options_labels: names, button_style: "", icons: [], tooltips: [] };
  const state = { ...controlState("ToggleButtons"), ...fields(options), ...extra };
  return new InputWidget(host, { state, style: "ToggleButtonsStyle", width: options.width }, kind, first);
}

const fields = ({ label = "", disabled = false }: WidgetOptions) => ({ ...labelled(label), disabled });

/** The model keeps the position: the values may be anything. */
function choiceKind<T>(
  widget: string,
  { options, label = "", ...more }: ChoiceOptions<T>,
): { kind: ValueKind<T>; names: string[]; first: T } {
  const values: T[] = Array.isArray(options) ? [...options] : Object.values(options);
  const names = (Array.isArray(options) ? options.map(String) : Object.keys(options)).map((name) => cut(name, 200));
  const name = `${widget}${label && ` "${label}"`}`;
  if (!values.length) throw new RangeError(`${name}: expected at least one option, got none`);
  const position = (value: T): number => values.findIndex((one) => Object.is(one, value));
  const kind: ValueKind<T> = {
    field: "index",
    check(value) {
      if (position(value) < 0)
        throw new RangeError(`${name}: expected one of ${cut(names.join(", "), 200)}, got ${cut(String(value), 100)}`);
      return value;
    },
    toState: position,
    fromState(raw) {
      if (!Number.isInteger(raw) || !((raw as number) in values)) throw new RangeError(`${name}: expected a position, got ${String(raw)}`);
      return values[raw as number]!;
    },
    same: Object.is,
    toText: (value) => names[position(value)]!,
  };
  return { kind, names, first: "value" in more ? (more.value as T) : values[0]! };
}
