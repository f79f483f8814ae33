import { shortNumber } from "../format/table.js";
import type { WidgetHost } from "./host.js";
import { controlState, labelled } from "./states.js";
import { digitsOf, isRounded, niceStep } from "./steps.js";
import { InputWidget, type ValueKind, type WidgetOptions } from "./widget.js";

export type SliderOptions = WidgetOptions & {
  min: number;
  max: number;
  /**
   * Between two positions, from `min` on; unless given, 1, 2 or 5 times a power of ten, about a hundredth of the range, and such that `value` is
   * a position. With `log`: in powers of ten, 0.1 unless given.
   */
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
  const step = options.step ?? (log ? 0.1 : niceStep(min, max, [value]));
  const whole = !log && [min, max, step, value].every(Number.isInteger);
  const kind = numberKind(`slider${label && ` "${label}"`}`, { min, max, whole, step: log ? 0 : step });
  const name = log ? "FloatLogSlider" : whole ? "IntSlider" : "FloatSlider";
  const ends = log ? { base: 10, min: Math.log10(min), max: Math.log10(max) } : { min, max };
  const state = { ...controlState(name), ...sliderFields(options), ...ends, step, readout_format: log ? ".3g" : readout(whole, min, step) };
  return new InputWidget(host, { state, style: "SliderStyle", width: width ?? widthFor(label) }, kind, value);
}

/** A slider with two handles. */
export function range(host: WidgetHost, options: RangeOptions): InputWidget<readonly [low: number, high: number]> {
  const { min, max, label = "", value = [min, max], width } = options;
  checkEnds("range", min, max, options.step);
  const step = options.step ?? niceStep(min, max, value);
  const whole = [min, max, step, ...value].every(Number.isInteger);
  const name = `range${label && ` "${label}"`}`;
  const one = numberKind(name, { min, max, whole, step });
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
    settle: ([low, high], before) => [one.settle!(low, before[0]), one.settle!(high, before[1])],
    same: (a, b) => a[0] === b[0] && a[1] === b[1],
    toText: ([low, high]) => `${shortNumber(low)} to ${shortNumber(high)}`,
  };
  const state = { ...controlState(whole ? "IntRangeSlider" : "FloatRangeSlider"), ...sliderFields(options), min, max, step };
  const parts = { state: { ...state, readout_format: readout(whole, min, step) }, style: "SliderStyle" as const };
  return new InputWidget(host, { ...parts, width: width ?? widthFor(label) }, kind, value);
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

type NumberOptions = {
  min: number;
  max: number;
  whole: boolean;
  /** 0 where positions are not counted in values. */
  step: number;
};

/** The ends come back from the front end with rounding: what is beyond by less than a billionth of the range is the end. */
function numberKind(name: string, { min, max, whole, step }: NumberOptions): ValueKind<number> {
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
    settle: (value, before) => (step && isRounded(value, before, min, max, step) ? before : value),
    same: Object.is,
    toText: shortNumber,
  };
}

/** In d3's notation. */
const readout = (whole: boolean, min: number, step: number): string => (whole ? "d" : `.${digitsOf(min, step)}f`);

/** Room to drag, whatever the label takes: front ends give all of it 300 pixels, which is little below a wide figure. */
const widthFor = (label: string): string => (label.length > 15 ? `calc(300px + ${label.length}ch)` : "400px");
