import { shortNumber } from "../format/table.js";
import type { WidgetHost } from "./host.js";
import { controlState, labelled } from "./states.js";
import { InputWidget, type ValueKind, type WidgetOptions } from "./widget.js";

export type SliderOptions = WidgetOptions & {
  min: number;
  max: number;
  /** Between two positions; a hundredth of the range unless given. With `log`: in powers of ten, 0.1 unless given. */
  step?: number;
  /** The lower end unless given. */
  value?: number;
  /** Equal ways multiply: for learning rates and the like. `min` must be above 0. */
  log?: boolean;
  /** Handlers hear while the user drags (unless given), or once the handle is let go. */
  live?: boolean;
};

export type RangeOptions = Omit<SliderOptions, "value" | "log"> & {
  /** The whole range unless given. */
  value?: readonly [low: number, high: number];
};

/** Whole numbers throughout make a slider of whole numbers. @throws RangeError for an empty range or a value outside it. */
export function slider(host: WidgetHost, options: SliderOptions): InputWidget<number> {
  const { min, max, label = "", value = min, log = false, width } = options;
  checkEnds("slider", min, max, options.step);
  if (log && min <= 0) throw new RangeError(`slider: expected min above 0 with log, got ${min}`);
  const step = options.step ?? (log ? 0.1 : (max - min) / 100);
  const whole = !log && [min, max, step, value].every(Number.isInteger);
  const kind = numberKind(`slider${label && ` "${label}"`}`, min, max, whole);
  const name = log ? "FloatLogSlider" : whole ? "IntSlider" : "FloatSlider";
  const ends = log ? { base: 10, min: Math.log10(min), max: Math.log10(max) } : { min, max };
  const state = { ...controlState(name), ...sliderFields(options), ...ends, step, readout_format: log ? ".3g" : readout(whole, step) };
  return new InputWidget(host, { state, style: "SliderStyle", width }, kind, value);
}

/** A slider with two handles. */
export function range(host: WidgetHost, options: RangeOptions): InputWidget<readonly [low: number, high: number]> {
  const { min, max, label = "", value = [min, max], width } = options;
  checkEnds("range", min, max, options.step);
  const step = options.step ?? (max - min) / 100;
  const whole = [min, max, step, ...value].every(Number.isInteger);
  const name = `range${label && ` "${label}"`}`;
  const one = numberKind(name, min, max, whole);
  const kind: ValueKind<readonly [number, number]> = {
    field: "value",
    check(pair) {
      if (!Array.isArray(pair) || pair.length !== 2) throw new RangeError(`${name}: expected two numbers, got ${String(pair)}`);
      const [low, high] = [one.check(pair[0]), one.check(pair[1])];
      if (low > high) throw new RangeError(`${name}: expected the lower number first, got ${low}, ${high}`);
      return Object.freeze([low, high] as const);
    },
    toState: (pair) => [...pair],
    fromState: (raw) => raw as [number, number],
    same: (a, b) => a[0] === b[0] && a[1] === b[1],
    toText: ([low, high]) => `${shortNumber(low)} to ${shortNumber(high)}`,
  };
  const state = { ...controlState(whole ? "IntRangeSlider" : "FloatRangeSlider"), ...sliderFields(options), min, max, step };
  return new InputWidget(host, { state: { ...state, readout_format: readout(whole, step) }, style: "SliderStyle", width }, kind, value);
}

const sliderFields = ({ label = "", disabled = false, live = true }: WidgetOptions & { live?: boolean }) => ({
  ...labelled(label),
  disabled,
  behavior: "drag-tap",
  continuous_update: live,
  orientation: "horizontal",
  readout: true,
});

function checkEnds(name: string, min: number, max: number, step: number | undefined): void {
  if (!Number.isFinite(min) || !Number.isFinite(max) || min >= max)
    throw new RangeError(`${name}: expected min below max, got ${min}, ${max}`);
  if (step !== undefined && !(step > 0 && Number.isFinite(step))) throw new RangeError(`${name}: expected a step above 0, got ${step}`);
}

/** The ends come back from the front end with rounding: what is beyond by less than a billionth of the range is the end. */
function numberKind(name: string, min: number, max: number, whole: boolean): ValueKind<number> {
  const slack = whole ? 0 : (max - min) * 1e-9;
  return {
    field: "value",
    check(value) {
      if (typeof value !== "number" || !(value >= min - slack && value <= max + slack) || (whole && !Number.isInteger(value))) {
        throw new RangeError(`${name}: expected a${whole ? " whole" : ""} number from ${min} to ${max}, got ${String(value)}`);
      }
      return Math.min(max, Math.max(min, value));
    },
    toState: (value) => value,
    fromState: (raw) => raw as number,
    same: Object.is,
    toText: shortNumber,
  };
}

/** As many digits as the step has, two at least, in d3's notation. */
function readout(whole: boolean, step: number): string {
  if (whole) return "d";
  const digits = Math.min(8, Math.max(2, Math.ceil(-Math.log10(step) - 1e-9)));
  return `.${digits}f`;
}
