import type { CommRouter } from "../comms.js";
import type { Display } from "../display.js";
import type { Markup } from "../markup.js";
import { buttons, type ChoiceOptions, dropdown } from "./choice.js";
import {
  type ButtonOptions,
  ButtonWidget,
  type CheckboxOptions,
  checkbox,
  type TextareaOptions,
  type TextOptions,
  TextWidget,
  textarea,
} from "./entry.js";
import { createHost } from "./host.js";
import { type Inputs, type InputValues, InteractWidget } from "./interact.js";
import { OutputWidget } from "./output.js";
import { BoxWidget, LabelWidget, type ProgressOptions, ProgressWidget } from "./show.js";
import { type RangeOptions, range, type SliderOptions, slider } from "./slider.js";
import type { InputWidget, Widget, WidgetOptions } from "./widget.js";

/** What cells make widgets with. A widget shows itself as a cell's last value, or by `display`. */
export interface Widgets {
  /**
   * A number to drag.
   * ```ts
   * const t = widgets.slider({ label: "temperature", min: 0.5, max: 10, step: 0.1, value: 2 });
   * t.onChange((value) => console.log(value));
   * t
   * ```
   */
  slider(options: SliderOptions): InputWidget<number>;
  /** Two numbers to drag: the ends of a range. */
  range(options: RangeOptions): InputWidget<readonly [low: number, high: number]>;
  /** One of several values, from a list that opens: `widgets.dropdown({ label: "model", options: ["base", "tuned"] })`. */
  dropdown<const T>(options: ChoiceOptions<T>): InputWidget<T>;
  /** One of a few values, each a button. */
  buttons<const T>(options: ChoiceOptions<T>): InputWidget<T>;
  /** Yes or no. */
  checkbox(options: CheckboxOptions): InputWidget<boolean>;
  /** A button: `widgets.button({ label: "Train", onClick: async () => { ... } })`. */
  button(options: ButtonOptions): ButtonWidget;
  /** A line of text. */
  text(options?: TextOptions): TextWidget;
  /** Several lines of text. */
  textarea(options?: TextareaOptions): InputWidget<string>;
  /** A text whose content can be replaced; html`...` pieces are HTML, strings are text. */
  label(content: string | Markup, options?: Omit<WidgetOptions, "disabled">): LabelWidget;
  /** A bar that fills: `bar.value += 1`. */
  progress(options: ProgressOptions): ProgressWidget;
  /** An area whose content can be replaced at any time, also from callbacks: `area.show(table)`. */
  output(options?: { width?: string }): OutputWidget;
  /** Widgets beside one another. */
  hbox(...children: Widget[]): BoxWidget;
  /** Widgets below one another. */
  vbox(...children: Widget[]): BoxWidget;
  /**
   * Inputs, and below them what `draw` makes of their values, drawn anew when one changes. `draw` may be async; after a drawing only the
   * newest values are drawn. The drawing is an output of the cell: a saved notebook keeps the last one.
   * ```ts
   * widgets.interact({ T: widgets.slider({ min: 0.5, max: 10 }) }, async ({ T }) => mixFigure(T))
   * ```
   */
  interact<I extends Inputs>(inputs: I, draw: (values: InputValues<I>) => unknown): InteractWidget<I>;
}

export function makeWidgets(comms: CommRouter, display: Display): Widgets {
  const host = createHost(comms, display);
  return {
    slider: (options) => slider(host, options),
    range: (options) => range(host, options),
    dropdown: (options) => dropdown(host, options),
    buttons: (options) => buttons(host, options),
    checkbox: (options) => checkbox(host, options),
    button: (options) => new ButtonWidget(host, options),
    text: (options = {}) => new TextWidget(host, options),
    textarea: (options = {}) => textarea(host, options),
    label: (content, options) => new LabelWidget(host, content, options),
    progress: (options) => new ProgressWidget(host, options),
    output: (options) => new OutputWidget(host, options),
    hbox: (...children) => new BoxWidget(host, "HBox", children),
    vbox: (...children) => new BoxWidget(host, "VBox", children),
    interact: (inputs, draw) => new InteractWidget(host, inputs, draw),
  };
}
